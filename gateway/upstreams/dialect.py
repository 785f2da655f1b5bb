"""How one upstream spells its failures, and the Failure that one of its answers means."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from gateway.errors.catalog import WRITE_UNKNOWN
from gateway.errors.failure import Failure, Kind, Repeat
from gateway.errors.operation_outcome import CODE_SYSTEM
from gateway.exchange import FhirRequest, FhirResponse, Headers, may_write
from gateway.http.headers import CREDENTIALS
from gateway.upstreams.diagnostics import Diagnostics, UpstreamText, codings
from gateway.upstreams.error_body import upstream_error
from gateway.upstreams.error_rule import Row, UpstreamError
from gateway.upstreams.failures import UNRECOGNISED
from gateway.upstreams.response_check import Answer
from gateway.upstreams.retry_after import retry_after
from gateway.upstreams.status_rules import ROWS

_WAITING_HELPS = frozenset({Repeat.YES, Repeat.ONCE})

#: Upstream issue types that say more than ours, where a row relays.
_MORE_SPECIFIC = frozenset(
    {
        *("structure", "required", "value", "invariant", "not-supported", "duplicate", "multiple-matches"),
        *("not-found", "deleted", "too-long", "code-invalid", "extension", "too-costly", "business-rule"),
        *("conflict", "processing"),
    }
)

NOT_MATCHED = Row("unrecognised", UNRECOGNISED)


@dataclass(frozen=True, slots=True)
class Dialect:
    """One upstream's way to fail: its rows, first match wins, before those every upstream shares.

    `fhir` is whether its good answers are FHIR resources, `challenge` the WWW-Authenticate of a 401 (RFC 9110
    11.6.1), `credentials` the header fields it takes, `largest_page` the greatest `_count` it allows.
    """

    name: str
    rows: tuple[Row, ...]
    fhir: bool = True
    challenge: str = 'Bearer realm="fhir"'
    credentials: frozenset[str] = CREDENTIALS
    largest_page: int | None = None

    def failure(
        self,
        request: FhirRequest,
        response: FhirResponse,
        *,
        now: datetime,
        upstream_text: UpstreamText = "masked",
    ) -> Failure | None:
        """The Failure that an answer means; None for a good one. `now` turns a date to seconds."""
        answer = Answer(request, response, self.fhir)
        if answer.good:
            return None
        error = upstream_error(answer.envelope).under(response.status)
        found = _Found(self, answer, error, self.row(error))
        return found.failure(now, upstream_text)

    def row(self, error: UpstreamError) -> Row:
        """The first row that an upstream error matches; `unrecognised` when none does."""
        return next((row for row in (*self.rows, *ROWS) if row.matches(error)), NOT_MATCHED)


@dataclass(frozen=True, slots=True)
class _Found:
    dialect: Dialect
    answer: Answer
    error: UpstreamError
    row: Row

    def failure(self, now: datetime, upstream_text: UpstreamText) -> Failure:
        response, before = self.answer.response, self._kind
        kind = WRITE_UNKNOWN if may_write(self.answer.request) and before.leaves_writes_open else before
        return Failure(
            kind,
            diagnostics=Diagnostics(self.dialect.name, self.answer, self.error, kind).text(upstream_text),
            expression=self.error.expression,
            issue=self._issue(kind),
            retry_after=self._wait(kind, now),
            codings=(*_replaced(kind, before), *codings(self.error)),
            headers=tuple(self._headers(kind)),
            received=response,
        )

    @property
    def _kind(self) -> Kind:
        anonymous = not any(self.answer.request.header(name) for name in self.dialect.credentials)
        return self.row.own if self.row.own and anonymous else self.row.kind

    def _issue(self, kind: Kind) -> str:
        relayed = self.row.relays and kind is self.row.kind and self.error.issue in _MORE_SPECIFIC
        return self.error.issue if relayed else kind.issue

    def _wait(self, kind: Kind, now: datetime) -> int | None:
        if kind.repeat not in _WAITING_HELPS:
            return kind.retry_after
        asked = retry_after(self.answer.response.header("retry-after"), self.error.message, now)
        return kind.retry_after if asked is None else asked

    def _headers(self, kind: Kind) -> Headers:
        passed = _PASSED.get(kind.status, ())
        found = ((name, self.answer.response.header(name)) for name in passed)
        challenge = (("www-authenticate", self.dialect.challenge),) if kind.status == _UNAUTHORISED else ()
        return (*challenge, *((name, value) for name, value in found if _PLAIN.fullmatch(value)))


_UNAUTHORISED = 401
#: Methods or a number: a header field, too, may only hold what it is for.
_PLAIN = re.compile(r"(?:(?:GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS)(?: *, *|$))+|\d{1,12}")

#: What else an upstream's header says that a client can act on, by our status.
_PASSED: dict[int, Iterable[str]] = {
    405: ("allow",),
    429: ("x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"),
}


def _replaced(kind: Kind, before: Kind) -> tuple[tuple[str, str], ...]:
    return () if kind is before else ((CODE_SYSTEM, before.code),)
