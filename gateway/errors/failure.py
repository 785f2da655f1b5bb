"""Failure, the only exception that means "this request failed", and the shape of its kinds.

A kind is a row of a table: our code is also the metric label, the log field and `details.coding`.
"""

from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from typing import NamedTuple

from gateway.exchange import FhirResponse


class RetryAdvice(StrEnum):
    """Who may ask the same question again, and when."""

    YES = "yes"  # the client, unchanged, after Retry-After
    ONCE = "once"  # the gateway once, then the client
    AFTER_CHANGE = "after-change"  # only a changed request
    AFTER_FIX = "after-fix"  # only once an operator or the practice has acted
    NO = "no"


@dataclass(frozen=True, slots=True)
class FailureKind:
    """One kind of failure.

    `code` is ours, `status` HTTP's, `issue` from the R4 issue-type value set, `message` optionally from
    the `operation-outcome` code system. `text` says what happened, who should act and what to do.
    `retry_after` is in seconds. `sent` says whether the upstream may have run (and billed) the query.
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

    @property
    def write_outcome_unknown(self) -> bool:
        """Whether, after a write that failed so, nobody knows if the change was made.

        A result that is too large (issue type `too-costly`) is one of a query that ran.
        """
        ran = self.status >= HTTPStatus.INTERNAL_SERVER_ERROR or self.issue == "too-costly"
        return self.may_have_run and ran and self.retry_advice in _UNCERTAIN_OUTCOME


_UNCERTAIN_OUTCOME = frozenset({RetryAdvice.YES, RetryAdvice.ONCE, RetryAdvice.AFTER_CHANGE})


class Issue(NamedTuple):
    """One more thing that is wrong, beside the failure's own: an issue type, a text, and FHIRPath."""

    code: str
    text: str
    expression: str = ""


class Failure(Exception):  # noqa: N818 - the architecture's word, and FHIR's: a failure is an answer
    """A request that failed: its kind and what is known of this occurrence.

    `diagnostics` holds ids and masked upstream text, never search values or identifiers.
    `expression` is FHIRPath or `http.<param>`. `issue` is a more specific issue type than the kind's.
    `received` is the upstream's answer, if there was one. `further` issues follow the failure's own.
    """

    def __init__(  # noqa: PLR0913 - keyword-only facts of one occurrence
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
        more_issues: tuple[Issue, ...] = (),
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
        self.more_issues = more_issues
