"""How one upstream spells its failures, and the Failure that one of its answers means."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from gateway.errors.catalog import WRITE_OUTCOME_UNKNOWN
from gateway.errors.failure import Failure, FailureKind, RetryAdvice
from gateway.errors.operation_outcome import ERROR_CODE_SYSTEM
from gateway.exchange import FhirRequest, FhirResponse, Headers, may_write
from gateway.upstreams.diagnostics import Diagnostics, UpstreamText, upstream_codings
from gateway.upstreams.error_body import parse_upstream_error
from gateway.upstreams.error_rule import ErrorRule, UpstreamError
from gateway.upstreams.failures import UNRECOGNISED_RESPONSE
from gateway.upstreams.response_check import ResponseCheck
from gateway.upstreams.retry_after import retry_after_seconds
from gateway.upstreams.status_rules import RULES

_ADVICE_TO_WAIT = frozenset({RetryAdvice.YES, RetryAdvice.ONCE})

#: Upstream issue types that say more than ours, where a row relays.
_SPECIFIC_ISSUE_TYPES = frozenset(
    {
        *("structure", "required", "value", "invariant", "not-supported", "duplicate", "multiple-matches"),
        *("not-found", "deleted", "too-long", "code-invalid", "extension", "too-costly", "business-rule"),
        *("conflict", "processing"),
    }
)

UNMATCHED_RULE = ErrorRule("unrecognised", UNRECOGNISED_RESPONSE)


class CredentialScheme(NamedTuple):
    """Header fields that together are a credential, and the challenge of a 401 (RFC 9110 section 11.6.1)."""

    headers: tuple[str, ...] = ("authorization",)
    challenge: str = 'Bearer realm="fhir"'


BEARER = CredentialScheme()


@dataclass(frozen=True, slots=True)
class Dialect:
    """One upstream: how it spells failures, and what the gateway derives from it.

    The first of `rules` that matches an error decides, before those that all upstreams share.

    `is_fhir`: its good responses are FHIR resources, and requests without a credential are rejected; else
    the gateway passes requests through. `apis`: its APIs by the first segment of their paths, each with a
    credential of its own; `credentials` is that of an upstream with one API. `max_page_size`: the greatest
    `_count` that it allows. `relays_freshness`: its Cache-Control and Expires reach the cache.
    `is_mountable`: operators may name it in `upstreams.<name>.dialect`.
    """

    name: str
    rules: tuple[ErrorRule, ...]
    is_fhir: bool = True
    credentials: CredentialScheme = BEARER
    apis: Mapping[str, CredentialScheme] = field(default_factory=dict)
    max_page_size: int | None = None
    relays_freshness: bool = False
    is_mountable: bool = True

    def scheme_of(self, api: str = "") -> CredentialScheme:
        """Credential of one of its APIs. Raises KeyError for an API that it lacks."""
        return self.apis[api] if self.apis else self.credentials

    @property
    def requires_credential(self) -> bool:
        """Whether a client must send one: where requests pass through, a client may be fetching a token."""
        return self.is_fhir or bool(self.apis)

    @property
    def credential_headers(self) -> frozenset[str]:
        """All header fields that carry a credential for this upstream."""
        return frozenset(
            name for scheme in (self.credentials, *self.apis.values()) for name in scheme.headers
        )

    def failure_from_response(
        self,
        request: FhirRequest,
        response: FhirResponse,
        *,
        now: datetime,
        upstream_text: UpstreamText = "masked",
    ) -> Failure | None:
        """The Failure that an answer means; None for a good one. `now` turns a date to seconds."""
        answer = ResponseCheck(request, response, self.is_fhir)
        if answer.is_acceptable:
            return None
        error = parse_upstream_error(answer.error_body).with_http_status(response.status)
        found = _MatchedError(self, answer, error, self.rule_for(error))
        return found.to_failure(now, upstream_text)

    def rule_for(self, error: UpstreamError) -> ErrorRule:
        """The first row that an upstream error matches; `unrecognised` when none does."""
        return next((row for row in (*self.rules, *RULES) if row.matches(error)), UNMATCHED_RULE)


@dataclass(frozen=True, slots=True)
class _MatchedError:
    dialect: Dialect
    check: ResponseCheck
    error: UpstreamError
    rule: ErrorRule

    def to_failure(self, now: datetime, upstream_text: UpstreamText) -> Failure:
        response, before = self.check.response, self._failure_kind
        kind = (
            WRITE_OUTCOME_UNKNOWN
            if may_write(self.check.request) and before.write_outcome_unknown
            else before
        )
        return Failure(
            kind,
            diagnostics=Diagnostics(self.dialect.name, self.check, self.error, kind).as_text(upstream_text),
            expression=self.error.expression,
            issue=self._issue_type(kind),
            retry_after=self._retry_seconds(kind, now),
            codings=(*_replaced_code(kind, before), *upstream_codings(self.error)),
            headers=tuple(self._response_headers(kind)),
            upstream_response=response,
        )

    @property
    def _failure_kind(self) -> FailureKind:
        anonymous = self.dialect.requires_credential and not any(
            self.check.request.header(name) for name in self.dialect.credential_headers
        )
        return (
            self.rule.own_credentials_kind if self.rule.own_credentials_kind and anonymous else self.rule.kind
        )

    def _issue_type(self, kind: FailureKind) -> str:
        relayed = (
            self.rule.relays_issue_type
            and kind is self.rule.kind
            and self.error.issue in _SPECIFIC_ISSUE_TYPES
        )
        return self.error.issue if relayed else kind.issue

    def _retry_seconds(self, kind: FailureKind, now: datetime) -> int | None:
        if kind.retry_advice not in _ADVICE_TO_WAIT:
            return kind.retry_after
        asked = retry_after_seconds(self.check.response.header("retry-after"), self.error.message, now)
        return kind.retry_after if asked is None else asked

    def _response_headers(self, kind: FailureKind) -> Headers:
        passed = _HEADERS_BY_STATUS.get(kind.status, ())
        found = ((name, self.check.response.header(name)) for name in passed)
        challenge = (
            (("www-authenticate", self.dialect.credentials.challenge),)
            if kind.status == _UNAUTHORISED_STATUS
            else ()
        )
        return (*challenge, *((name, value) for name, value in found if _SAFE_HEADER_VALUE.fullmatch(value)))


_UNAUTHORISED_STATUS = 401
#: Methods or a number: a header field, too, may only hold what it is for.
_SAFE_HEADER_VALUE = re.compile(r"(?:(?:GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS)(?: *, *|$))+|\d{1,12}")

#: What else an upstream's header says that a client can act on, by our status.
_HEADERS_BY_STATUS: dict[int, Iterable[str]] = {
    405: ("allow",),
    429: ("x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"),
}


def _replaced_code(kind: FailureKind, original: FailureKind) -> tuple[tuple[str, str], ...]:
    return () if kind is original else ((ERROR_CODE_SYSTEM, original.code),)
