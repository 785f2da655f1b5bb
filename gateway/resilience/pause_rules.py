"""Pause rules: upstream errors after which similar requests cannot succeed for some time."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, Self
from urllib.parse import urlsplit

import msgspec

from gateway.errors.failure import Failure, FailureKind, RetryAdvice
from gateway.errors.operation_outcome import ERROR_CODE_SYSTEM
from gateway.exchange import FhirRequest
from gateway.http.callers import keyed_fingerprint, keyed_hash
from gateway.resilience.circuit import upstream_retry_after

Scope = Literal["gateway", "caller", "site", "caller-at-site", "practitioner"]
#: Scopes that concern several callers, and the part of each that concerns one caller.
OWN_SCOPES: Final[Mapping[str, str]] = {
    "gateway": "caller",
    "site": "caller-at-site",
    "practitioner": "caller-practitioner",
}

REQUESTS_PAUSED: Final = FailureKind(
    "requests-paused",
    503,
    "transient",
    "Requests like this one cannot succeed at the moment; the second code gives the reason. This request was"
    " not sent. Retry after the time in Retry-After. The gateway's operator can clear the pause earlier.",
    retry_advice=RetryAdvice.YES,
    retry_after=60,
    may_have_run=False,
)
_REPEATED_TEXT: Final = (
    "The upstream refused a request like this one a moment ago, so this request was not sent: {}"
)

MAX_PAUSE_SECONDS: Final = 86_400.0
#: Scope of a key that may send nothing until the time in the upstream's Retry-After.
RATE_LIMIT: Final = "rate-limit"
_CALLER_SCOPES: Final = frozenset({"caller", "caller-at-site", "caller-practitioner", RATE_LIMIT})
_SITELESS_SCOPES: Final = frozenset({"gateway", "caller", RATE_LIMIT})
#: Search parameters that name a practitioner, and those that name a date.
_PRACTITIONER_PARAMETERS: Final = frozenset(
    {"practitioner", "actor", "schedule", "schedule.actor", "performer"}
)
_DATE_PARAMETERS: Final = frozenset({"date", "start", "end", "slot.start", "appointment.date"})


@dataclass(frozen=True, slots=True)
class PauseRule:
    """An upstream error, and the scope of the requests that it pauses.

    `code` is an error code, and `message_pattern` a regular expression for what the upstream said of its own
    in the error message; an empty one matches every failure. `seconds` applies if the upstream names no time.
    `alarm`: the operator must act, so the log event is an error.
    """

    id: str
    scope: Scope
    seconds: float
    code: str = ""
    message_pattern: str = ""
    alarm: bool = False

    def matches(self, code: str, message: str) -> bool:
        """Whether the rule applies to a failure with this code and upstream message."""
        return self.code in {"", code} and (
            not self.message_pattern or bool(re.search(self.message_pattern, message, re.IGNORECASE))
        )


#: Errors of Halo Connect. The first match applies; the operator's own rules come before these.
RULES: Final[tuple[PauseRule, ...]] = (
    PauseRule("caller-ip", "gateway", 300, "upstream-ip-blocked", alarm=True),
    PauseRule("invalid-key", "caller", 300, "upstream-credentials", r"subscription ?key", alarm=True),
    PauseRule("quota", "caller-at-site", 3_600, "upstream-quota"),
    PauseRule("login-failed", "caller-at-site", 900, "practice-not-authorised"),
    PauseRule("guid-changed", "site", 900, "site-not-authoritative", alarm=True),
    PauseRule("away", "practitioner", 3_600, message_pattern=r"\baway\b.{0,60}\bthat date\b"),
)


class Pause(msgspec.Struct, frozen=True, array_like=True):
    """An active pause: its rule, error code and site alias; `since` and `until` in seconds since 1970.

    A pause of one caller repeats the refusal (`status`, `issue`, `text`, `challenge`). `is_proved`: the
    caller was served before. `shared_scope`: scope key of all callers, if the refusal is evidence for it.
    """

    rule: str
    scope: str
    code: str
    site: str
    since: float
    until: float
    status: int = 503
    issue: str = ""
    text: str = ""
    challenge: str = ""
    is_proved: bool = False
    shared_scope: str = ""

    def failure(self, now: float) -> Failure:
        """Failure of a request that the pause stops: the caller's own refusal again, or 503 for others."""
        seconds = max(1, math.ceil(self.until - now))
        if not self.text:
            return Failure(REQUESTS_PAUSED, retry_after=seconds, codings=((ERROR_CODE_SYSTEM, self.code),))
        kind = FailureKind(self.code, self.status, self.issue, self.text, may_have_run=False)
        headers = (("www-authenticate", self.challenge),) if self.challenge else ()
        text = _REPEATED_TEXT.format(self.text)
        return Failure(kind, text=text, retry_after=seconds, headers=headers)

    def for_all_callers(self) -> "Pause":
        """Return the pause of the shared scope, whose other callers were not refused themselves."""
        scope = self.shared_scope.partition(":")[0]
        return Pause(self.rule, scope, self.code, self.site, self.since, self.until, is_proved=True)

    def replace(self, **changes: Any) -> Self:
        """Return a copy with some fields replaced."""
        return msgspec.structs.replace(self, **changes)


def pause_after_refusal(
    rule: PauseRule, failure: Failure, site: str, now: float, keys: Mapping[str, str], *, is_proved: bool
) -> Pause:
    """Pause of one caller after its refusal; `site` is an alias, `keys` the request's scope keys."""
    kind, seconds = failure.kind, float(upstream_retry_after(failure) or rule.seconds)
    return Pause(
        rule.id,
        OWN_SCOPES.get(rule.scope, rule.scope),
        kind.code,
        site,
        now,
        now + min(MAX_PAUSE_SECONDS, seconds),
        kind.status,
        kind.issue,
        failure.text,
        dict(failure.headers).get("www-authenticate", ""),
        is_proved,
        keys[rule.scope] if is_proved and rule.scope in OWN_SCOPES else "",
    )


def matching_rule(rules: tuple[PauseRule, ...], failure: Failure) -> PauseRule | None:
    """First rule that applies to a failure, or None: what a client's SQL may have caused pauses nothing."""
    if failure.by_clients_sql:
        return None
    return next((rule for rule in rules if rule.matches(failure.kind.code, failure.own_words)), None)


def scope_keys(request: FhirRequest, secret: bytes) -> dict[str, str]:
    """Scope key of a request in each scope that it belongs to, without credentials and practitioner ids.

    A request that Halo Cloud answers alone belongs to no scope of a practice.
    """
    asked, caller = request.asked_site, keyed_fingerprint(request.headers, secret)
    site = asked.guid if asked else ""
    keys = {"gateway": f"gateway:{urlsplit(request.upstream_base).netloc}"}
    keys |= {"site": f"site:{site}"} if site else {}
    keys |= caller_keys(request, secret)
    day = _practitioner_day(request)
    if site and day:
        practitioner = f"{site}:{keyed_hash(day, secret)}"
        keys["practitioner"] = f"practitioner:{practitioner}"
        keys["caller-practitioner"] = f"caller-practitioner:{practitioner}:{caller}"
    return keys


def caller_keys(request: FhirRequest, secret: bytes) -> dict[str, str]:
    """Scope keys of a request's caller alone, and of the caller at its site."""
    asked, caller = request.asked_site, keyed_fingerprint(request.headers, secret)
    keys = {"caller": f"caller:{caller}"} if caller else {}
    if asked and asked.guid:
        keys["caller-at-site"] = f"caller-at-site:{asked.guid}:{caller}"
    return keys


def site_of(scope_key: str) -> str:
    """Site GUID in a scope key; empty if the scope is not limited to one site."""
    scope, _, names = scope_key.partition(":")
    return names.partition(":")[0] if scope not in _SITELESS_SCOPES else ""


def caller_of(scope_key: str) -> str:
    """Hash of the caller in a scope key; empty if the scope is not limited to one caller."""
    scope, _, names = scope_key.partition(":")
    if scope == RATE_LIMIT:
        return names.partition(":")[0]
    return names.rpartition(":")[2] if scope in _CALLER_SCOPES else ""


def _practitioner_day(request: FhirRequest) -> str:
    """Practitioners and dates of a search; empty unless it names both."""
    parameters = request.upstream_search.parameters
    practitioners = (item.value for item in parameters if item.code in _PRACTITIONER_PARAMETERS)
    ids = sorted(reference.rpartition("/")[2] for reference in practitioners)
    dates = sorted(f"{item.code}={item.value}" for item in parameters if item.code in _DATE_PARAMETERS)
    return "\0".join((*ids, "", *dates)) if ids and dates else ""
