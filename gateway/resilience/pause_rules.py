"""Messages after which asking again is useless for a while: rules as data, and what each of them pauses."""

import re
from dataclasses import dataclass
from typing import Final, Literal
from urllib.parse import urlsplit

import msgspec

from gateway.errors.failure import Failure, FailureKind, RetryAdvice
from gateway.exchange import FhirRequest
from gateway.http.callers import keyed_fingerprint, keyed_hash

Scope = Literal["gateway", "caller", "site", "caller-at-site", "practitioner"]

REQUESTS_PAUSED: Final = FailureKind(
    "requests-paused",
    503,
    "transient",
    "Halo or the practice said why such requests cannot succeed for now, so this one was not sent: the cause"
    " is the code beside this one. Try again after Retry-After, or have the gateway's operator end it.",
    retry_advice=RetryAdvice.YES,
    retry_after=60,
    may_have_run=False,
)

#: What names a practitioner in a search, and what names a day.
_PRACTITIONER_PARAMETERS: Final = frozenset(
    {"practitioner", "actor", "schedule", "schedule.actor", "performer"}
)
_DATE_PARAMETERS: Final = frozenset({"date", "start", "end", "slot.start", "appointment.date"})
_MAX_SEARCHED_BYTES: Final = 8_000


@dataclass(frozen=True, slots=True)
class PauseRule:
    """A message and what it pauses.

    `code` is the failure's code and `says` a regular expression on the upstream's words; an empty one fits
    all. `seconds` is the length where the upstream names no time. `alarm`: somebody should be told.
    """

    id: str
    scope: Scope
    seconds: float
    code: str = ""
    message_pattern: str = ""
    alarm: bool = False

    def matches(self, code: str, message: str) -> bool:
        """Whether a failure with this code and these words is meant."""
        return self.code in {"", code} and (
            not self.message_pattern or bool(re.search(self.message_pattern, message, re.IGNORECASE))
        )


#: First match wins; the operator's own rules come before these.
RULES: Final[tuple[PauseRule, ...]] = (
    PauseRule("caller-ip", "gateway", 300, "upstream-ip-blocked", alarm=True),
    PauseRule("invalid-key", "caller", 300, "upstream-credentials", r"subscription ?key", alarm=True),
    PauseRule("quota", "caller-at-site", 3_600, "upstream-quota"),
    PauseRule("login-failed", "caller-at-site", 900, "practice-not-authorised"),
    PauseRule("guid-changed", "site", 900, "site-not-authoritative", alarm=True),
    PauseRule("away", "practitioner", 3_600, message_pattern=r"\baway\b.{0,60}\bthat date\b"),
)


class Pause(msgspec.Struct, frozen=True, array_like=True):
    """One pause in force: the rule and the failure's code behind it, the site, when it began and ends."""

    rule: str
    scope: str
    code: str
    site: str
    since: float
    until: float


def matching_rule(rules: tuple[PauseRule, ...], failure: Failure) -> PauseRule | None:
    """The first rule that a failure fits."""
    body = failure.upstream_response.body[:_MAX_SEARCHED_BYTES] if failure.upstream_response else b""
    said = body.decode("utf-8", "replace")
    return next((rule for rule in rules if rule.matches(failure.kind.code, said)), None)


def scope_keys(request: FhirRequest, secret: bytes) -> dict[Scope, str]:
    """The name a request has in each scope it belongs to; whoever reads one learns no key and no id."""
    site, who = request.site.guid if request.site else "", keyed_fingerprint(request.headers, secret)
    named: dict[Scope, str] = {"gateway": f"gateway:{urlsplit(request.upstream_base).netloc}"}
    named |= {"caller": f"caller:{who}"} if who else {}
    named |= {"site": f"site:{site}"} if site else {}
    named |= {"caller-at-site": f"caller-at-site:{site}:{who}"} if site else {}
    day = _practitioner_day(request)
    return named | (
        {"practitioner": f"practitioner:{site}:{keyed_hash(day, secret)}"} if site and day else {}
    )


def site_of(scope_key: str) -> str:
    """The GUID in the name of a pause; empty for one that is of no single practice."""
    scope, _, rest = scope_key.partition(":")
    return rest.partition(":")[0] if scope in {"site", "caller-at-site", "practitioner"} else ""


def caller_of(scope_key: str) -> str:
    """The hash of the caller in the name of a pause; empty where it is of no caller."""
    scope, _, rest = scope_key.partition(":")
    return rest.rpartition(":")[2] if scope in {"caller", "caller-at-site"} else ""


def _practitioner_day(request: FhirRequest) -> str:
    """Who is asked for and when; empty unless a search names both."""
    given = request.upstream_search.parameters
    who = sorted(each.value.rpartition("/")[2] for each in given if each.code in _PRACTITIONER_PARAMETERS)
    when = sorted(f"{each.code}={each.value}" for each in given if each.code in _DATE_PARAMETERS)
    return "\0".join((*who, "", *when)) if who and when else ""
