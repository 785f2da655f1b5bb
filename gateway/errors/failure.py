"""Failure, the only exception that means "this request failed", and the type of its kinds.

A kind is a row of a table: its code is also the metric label, the log field and `details.coding`.
"""

from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from typing import NamedTuple

from gateway.exchange import NO_USE, FhirRequest, FhirResponse, Handler, UpstreamUse


class RetryAdvice(StrEnum):
    """Whether and when the same request may be sent again, and by whom."""

    YES = "yes"  # the client, unchanged, after Retry-After
    ONCE = "once"  # the gateway once, then the client
    AFTER_CHANGE = "after-change"  # only a changed request
    AFTER_FIX = "after-fix"  # only after an operator or the practice has acted
    NO = "no"


@dataclass(frozen=True, slots=True)
class FailureKind:
    """One kind of failure.

    `code` is the gateway's, `status` HTTP's, `issue` from the R4 issue-type value set, `message_code`
    optionally from the `operation-outcome` code system. `text` says what happened, who should act and what
    to do. `retry_after` is in seconds. `may_have_run`: the upstream may have run (and billed) the query.
    `refuses_change`: the query of a write ran, and the database says that it changed nothing.
    `may_be_partial`: of several statements, those before the error may have run, whatever the status.
    `limits_rate`: false for a throttle of what runs at once, which holds no further request.
    """

    code: str
    status: int
    issue: str
    text: str
    severity: str = "error"
    message_code: str = ""
    retry_advice: RetryAdvice = RetryAdvice.NO
    retry_after: int | None = None
    may_have_run: bool = True
    refuses_change: bool = False
    may_be_partial: bool = False
    limits_rate: bool = True

    @property
    def write_outcome_unknown(self) -> bool:
        """Whether a write with this failure may or may not have made the change.

        A result that is too large (issue type `too-costly`) comes from a query that ran.
        """
        ran = self.status >= HTTPStatus.INTERNAL_SERVER_ERROR or self.issue == "too-costly"
        return self.may_have_run and (ran or self.may_be_partial) and not self.refuses_change


class Issue(NamedTuple):
    """Additional issue of a failure: R4 issue type, text and FHIRPath."""

    code: str
    text: str
    expression: str = ""


class Failure(Exception):  # noqa: N818 - FHIR's term: a failure is a response, too
    """A failed request: its kind and the details of this occurrence.

    `diagnostics` contains ids and redacted upstream text, never search values or identifiers.
    `expression` is FHIRPath or `http.<param>`. `issue` is a more specific issue type than the kind's.
    `upstream_response` is None without a response. `own_words` is its text without anything that the request
    contained; only that may change state of other callers. `more_issues` follow the failure's own issue.
    `applied_repairs`: ids of those that changed the request.
    `by_clients_sql`: the practice's database gave it while it ran the client's own SQL, which may have caused
    it; it opens no circuit and starts no pause, not even for its own caller.
    """

    def __init__(  # noqa: PLR0913 - keyword-only details of one occurrence
        self,
        kind: FailureKind,
        *,
        text: str = "",
        diagnostics: str = "",
        expression: str = "",
        issue: str = "",
        retry_after: int | None = None,
        codings: tuple[tuple[str, str], ...] = (),
        headers: tuple[tuple[str, str], ...] = (),
        upstream_response: FhirResponse | None = None,
        own_words: str = "",
        more_issues: tuple[Issue, ...] = (),
        by_clients_sql: bool = False,
    ) -> None:
        super().__init__(kind.code)
        self.kind = kind
        self.text = text or kind.text
        self.diagnostics = diagnostics
        self.expression = expression
        self.issue = issue or kind.issue
        self.retry_after = kind.retry_after if retry_after is None else retry_after
        self.codings = codings
        self.headers = headers
        self.upstream_response = upstream_response
        self.own_words = own_words
        self.more_issues = more_issues
        self.by_clients_sql = by_clients_sql
        self.upstream_use = NO_USE
        self.applied_repairs: tuple[str, ...] = ()

    def with_headers(self, *headers: tuple[str, str]) -> "Failure":
        """Return a copy with further header fields: a failure may be shared by coalesced requests."""
        return self._copy(headers=(*self.headers, *headers))

    def with_upstream_use(self, use: UpstreamUse) -> "Failure":
        """Return a copy that names the upstream requests behind it; itself if it names these already."""
        return self if use == self.upstream_use else self._copy(upstream_use=use)

    def with_text(self, text: str) -> "Failure":
        """Return a copy with another text for people; the upstream's expression and issue type go."""
        return self._copy(text=text, expression="", issue=self.kind.issue)

    def with_retry_after(self, seconds: int, text: str) -> "Failure":
        """Return a copy with another wait in seconds, and another text for people."""
        return self._copy(retry_after=seconds, text=text)

    def with_response(self, response: FhirResponse | None) -> "Failure":
        """Return a copy with this upstream response."""
        return self._copy(upstream_response=response)

    def with_applied_repair(self, repair_id: str) -> "Failure":
        """Return a copy, with its upstream response, that names a repair of the request."""
        response = self.upstream_response
        if response is not None:
            response = response.replace(applied_repairs=(*response.applied_repairs, repair_id))
        return self._copy(applied_repairs=(*self.applied_repairs, repair_id), upstream_response=response)

    def _copy(self, **changes: object) -> "Failure":
        copy = Failure(self.kind)
        vars(copy).update(vars(self) | changes)
        return copy


async def call_after(use: UpstreamUse, handler: Handler, request: FhirRequest) -> FhirResponse:
    """Call a handler after other upstream requests for the same client; the result names these as well.

    Their time is no waiting. Raises Failure.
    """
    if use == NO_USE:
        return await handler(request)
    try:
        response = await handler(request.after(use))
    except Failure as failure:
        raise failure.with_upstream_use(use.plus(failure.upstream_use)) from failure.__cause__
    return response.with_upstream_use(use.plus(response.upstream_use))
