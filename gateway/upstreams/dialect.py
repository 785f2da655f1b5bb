"""Dialect of an upstream: its error rules, and the translation of an error response to a Failure."""

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from http import HTTPStatus
from typing import NamedTuple, Self

from gateway.errors.catalog import UPSTREAM_TIMEOUT, WRITE_OUTCOME_UNKNOWN
from gateway.errors.failure import Failure, FailureKind, RetryAdvice
from gateway.errors.operation_outcome import ERROR_CODE_SYSTEM
from gateway.exchange import FhirRequest, FhirResponse, Headers, may_write
from gateway.upstreams.body_values import values_at_paths
from gateway.upstreams.diagnostics import Diagnostics, UpstreamText, is_made_id, upstream_codings
from gateway.upstreams.envelopes import FHIR_ENVELOPES
from gateway.upstreams.error_body import Envelope, parse_upstream_error
from gateway.upstreams.error_rule import ErrorRule, UpstreamError
from gateway.upstreams.failures import UNRECOGNISED_RESPONSE
from gateway.upstreams.kinds_by_interaction import kind_for
from gateway.upstreams.limits import USUAL_LIMITS, UpstreamLimits
from gateway.upstreams.response_check import ResponseCheck, SuccessErrors
from gateway.upstreams.retry_after import DEFAULT_LIMITS, WaitLimits, retry_after_seconds
from gateway.upstreams.status_rules import REFUSAL_RULES, RULES

_ADVICE_TO_WAIT = frozenset({RetryAdvice.YES, RetryAdvice.ONCE})

#: Issue types of an upstream that replace the kind's type, if the rule has `relays_issue_type`.
_SPECIFIC_ISSUE_TYPES = frozenset(
    {
        *("structure", "required", "value", "invariant", "not-supported", "duplicate", "multiple-matches"),
        *("not-found", "deleted", "too-long", "code-invalid", "extension", "too-costly", "business-rule"),
        *("conflict", "processing"),
    }
)

UNMATCHED_RULE = ErrorRule("unrecognised", UNRECOGNISED_RESPONSE)


class CredentialScheme(NamedTuple):
    """Header fields that form one credential, and the challenge of a 401 (RFC 9110 section 11.6.1)."""

    headers: tuple[str, ...] = ("authorization",)
    challenge: str = 'Bearer realm="fhir"'


BEARER = CredentialScheme()


@dataclass(frozen=True, slots=True)
class Dialect:
    """Properties of one upstream.

    The first of `rules` that matches an error decides; the rules shared by all upstreams follow.
    `envelopes`: the forms of its error bodies, the first that matches counts; `success_errors`: those that
    are errors under a success status. `vocabulary`: words in lower case that its texts may contain and that
    are no names. `names_parameters`: its texts name the parameters at fault, which the client may read.
    `id_headers`: fields with the upstream's own ids that an error keeps.

    `is_fhir`: its good responses are FHIR resources, and requests without a credential are rejected; else
    the gateway passes requests through. `apis`: Halo's APIs by the first segment of their paths, each with
    its own credential; `credentials` is that of all other upstreams. `max_page_size`: maximum `_count` that
    it permits. `relays_freshness`: its Cache-Control and Expires reach the cache. `is_mountable`: operators
    may use it in `upstreams.<name>.dialect`. `product`: its name for people. `limits`: those that its vendor
    documents. `error_of_clients_sql` returns what counts of an error that SQL of the client's own may have
    caused, and None for all other errors. `idempotency_header`: field of a POST by which it recognises a
    repeat. `timeout`: kind of a request that the gateway ends because the upstream is late.
    `token_path`: where its clients request a token, in lower case.
    """

    name: str
    rules: tuple[ErrorRule, ...]
    is_fhir: bool = True
    credentials: CredentialScheme = BEARER
    apis: Mapping[str, CredentialScheme] = field(default_factory=dict)
    envelopes: tuple[Envelope, ...] = FHIR_ENVELOPES
    success_errors: SuccessErrors = "outcomes"
    vocabulary: frozenset[str] = frozenset()
    names_parameters: bool = False
    id_headers: tuple[str, ...] = ()
    max_page_size: int | None = None
    relays_freshness: bool = False
    is_mountable: bool = True
    product: str = ""
    limits: UpstreamLimits = USUAL_LIMITS
    idempotency_header: str = ""
    timeout: FailureKind = UPSTREAM_TIMEOUT
    token_path: str = "oauth/token"  # noqa: S105 - a path
    error_of_clients_sql: Callable[[UpstreamError], UpstreamError | None] = lambda _: None
    _body_paths: tuple[str, ...] = field(init=False, default=())

    def scheme_of(self, api: str = "") -> CredentialScheme:
        """Credential of one of its APIs. Raises KeyError for an unknown API."""
        return self.apis[api] if self.apis else self.credentials

    def __post_init__(self) -> None:
        """Collect the paths that the rules name."""
        paths = dict.fromkeys(rule.body_path for rule in self.rules if rule.body_path)
        object.__setattr__(self, "_body_paths", tuple(paths))

    def with_extension_rules(self, rules: tuple[ErrorRule, ...]) -> Self:
        """Return the same with rules of plugins and packs; SQL Passthrough keeps its own only."""
        return self.with_rules(rules) if self.is_mountable else self

    def with_rules(self, rules: tuple[ErrorRule, ...]) -> Self:
        """Return the dialect with rules that precede its own; itself without any."""
        return replace(self, rules=(*rules, *self.rules)) if rules else self

    def without_rules(self, ids: Collection[str]) -> Self:
        """Return the dialect without rules of these ids, such as a pack's issue; itself without any."""
        kept = tuple(rule for rule in self.rules if rule.id not in ids)
        return self if len(kept) == len(self.rules) else replace(self, rules=kept)

    @property
    def title(self) -> str:
        """Name of the product, for people."""
        return self.product or self.name

    @property
    def requires_credential(self) -> bool:
        """Whether a client must send a credential; a request that is passed through may fetch a token."""
        return self.is_fhir or bool(self.apis)

    @property
    def credential_headers(self) -> frozenset[str]:
        """All header fields that contain a credential of this upstream."""
        return frozenset(
            name for scheme in (self.credentials, *self.apis.values()) for name in scheme.headers
        )

    def failure_from_response(
        self,
        request: FhirRequest,
        response: FhirResponse,
        *,
        now: datetime,
        wait_limits: WaitLimits = DEFAULT_LIMITS,
        upstream_text: UpstreamText = "masked",
    ) -> Failure | None:
        """Return the Failure of a response; None if it is good. `now` converts a Retry-After date.

        Only what the upstream said of its own selects the kind and the wait: other callers share them.
        """
        check = ResponseCheck(request, response, self.is_fhir, self.envelopes, self.success_errors)
        values = values_at_paths(response.body, self._body_paths) if self._body_paths else ()
        is_acceptable = check.is_acceptable
        if is_acceptable and not values:
            return None
        error = parse_upstream_error(check.error_body, self.envelopes).with_http_status(response.status)
        error = replace(error, values=values) if values else error
        if is_acceptable and not self._has_error_at_path(error):
            return None
        own_error = self._own_error(error, check)
        dialect = self.without_rules(request.site.disabled_repairs if request.site else ())
        matched = _MatchedError(dialect, check, error, own_error, dialect.rule_for(own_error, error))
        return matched.to_failure(now, wait_limits, upstream_text)

    def _own_error(self, error: UpstreamError, check: ResponseCheck) -> UpstreamError:
        """Return an error with what the upstream said of its own; no text if the client's SQL may say it."""
        status = check.response.status
        # A 401 concerns its caller only, and must be recognised by any words: its whole text counts.
        if status == _UNAUTHORISED_STATUS:
            return error
        of_sql = self.error_of_clients_sql(error)
        return of_sql.with_http_status(status) if of_sql else error.with_own_words(check.request)

    def _has_error_at_path(self, error: UpstreamError) -> bool:
        return any(rule.body_path and rule.matches(error) for rule in self.rules)

    def rule_for(self, own_error: UpstreamError, error: UpstreamError | None = None) -> ErrorRule:
        """Return the first rule that matches what the upstream said of its own; else `unrecognised`.

        A rule that reads all of the text looks at the whole `error`.
        """
        rules = (
            rule
            for rule in (*self.rules, *RULES, *(() if self.success_errors == "envelopes" else REFUSAL_RULES))
            if rule.matches(error if error and rule.reads_all_text else own_error)
        )
        return next(rules, UNMATCHED_RULE)


@dataclass(frozen=True, slots=True)
class _MatchedError:
    dialect: Dialect
    check: ResponseCheck
    error: UpstreamError
    own_error: UpstreamError
    rule: ErrorRule

    def to_failure(self, now: datetime, limits: WaitLimits, upstream_text: UpstreamText) -> Failure:
        original = self._failure_kind
        general = WRITE_OUTCOME_UNKNOWN if self._is_unknown_write(original) else original
        kind = kind_for(general, self.check.request.interaction)
        return Failure(
            kind,
            diagnostics=self._diagnostics(kind).as_text(upstream_text),
            expression=self.error.expression,
            issue=kind.issue if kind.issue != general.issue else self._issue_type(general),
            retry_after=self._retry_seconds(kind, now, limits),
            codings=(*_replaced_code(general, original), *upstream_codings(self.error)),
            headers=tuple(self._response_headers(kind)),
            upstream_response=self.check.response,
            own_words=self.own_error.searchable_text,
            by_clients_sql=self.dialect.error_of_clients_sql(self.error) is not None,
        )

    def _diagnostics(self, kind: FailureKind) -> Diagnostics:
        names = self.dialect.names_parameters
        return Diagnostics(self.dialect.name, self.check, self.error, kind, self.dialect.vocabulary, names)

    def _is_unknown_write(self, original: FailureKind) -> bool:
        """Whether a write may have run, by the upstream's own words or by all of its text."""
        if not (may_write(self.check.request) or self._is_failed_query):
            return False
        kinds = (original, self.dialect.rule_for(self.error).kind)
        return any(kind.write_outcome_unknown for kind in kinds)

    @property
    def _is_failed_query(self) -> bool:
        """Whether a poll found that a SQL query failed, whose command may have changed data."""
        interaction, status = self.check.request.interaction, self.check.response.status
        return interaction.name == "sql-read" and status == HTTPStatus.OK

    @property
    def _failure_kind(self) -> FailureKind:
        """Kind of the rule; if the client sent no credential, that for the gateway's own credentials."""
        own_kind = self.rule.own_credentials_kind
        is_anonymous = not self._may_lack_credential and not any(
            self.check.request.header(name) for name in self.dialect.credential_headers
        )
        return own_kind if own_kind and is_anonymous else self.rule.kind

    @property
    def _may_lack_credential(self) -> bool:
        """Whether a client may send no credential in a header: a request that is passed through."""
        is_other = self.dialect.is_fhir and self.check.request.interaction.code == "other"
        return is_other or not self.dialect.requires_credential

    def _issue_type(self, kind: FailureKind) -> str:
        relays = self.rule.relays_issue_type and kind is self.rule.kind
        return self.error.issue if relays and self.error.issue in _SPECIFIC_ISSUE_TYPES else kind.issue

    def _retry_seconds(self, kind: FailureKind, now: datetime, limits: WaitLimits) -> int | None:
        if kind.retry_advice not in _ADVICE_TO_WAIT:
            return kind.retry_after
        header = self.check.response.header("retry-after")
        seconds = retry_after_seconds(header, self.own_error.message, now, limits.for_kind(kind.retry_after))
        return kind.retry_after if seconds is None else seconds

    def _response_headers(self, kind: FailureKind) -> Headers:
        response = self.check.response
        limits = ((name, response.header(name)) for name in _HEADERS_BY_STATUS.get(kind.status, ()))
        ids = ((name, response.header(name)) for name in self.dialect.id_headers)
        challenge = (
            (("www-authenticate", self.dialect.credentials.challenge),)
            if kind.status == _UNAUTHORISED_STATUS
            else ()
        )
        safe = (header for header in limits if _SAFE_HEADER_VALUE.fullmatch(header[1]))
        return (*challenge, *safe, *(header for header in ids if is_made_id(header[1])))


_UNAUTHORISED_STATUS = 401
#: Methods or a number: no other upstream text reaches the client in a header field.
_SAFE_HEADER_VALUE = re.compile(r"(?:(?:GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS)(?: *, *|$))+|\d{1,12}")

#: Header fields of an upstream's error that a client can use, by the gateway's status.
_HEADERS_BY_STATUS: dict[int, Iterable[str]] = {
    405: ("allow",),
    429: ("x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"),
}


def _replaced_code(kind: FailureKind, original: FailureKind) -> tuple[tuple[str, str], ...]:
    return () if kind is original else ((ERROR_CODE_SYSTEM, original.code),)
