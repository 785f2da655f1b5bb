"""Faults on demand: rules set through the control endpoint, matched by site, path and method."""

import re
import time
from collections import deque
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, field_validator

from gateway.emulator import errors
from gateway.emulator.search.refusal import Refusal

FaultKind = Literal[
    "answer", "delay", "drip", "reset", "lost", "truncate", "hang", "rate-limit", "quota", "bandwidth-quota",
    "login-failed", "caller-ip", "no-contact", "offline", "unreachable", "slow-query", "too-large",
]  # fmt: skip

REFUSALS: Final[dict[str, tuple[str, int, str]]] = {
    "quota": ("apim", 403, "Out of call volume quota. Quota will be replenished in 05:12:33."),
    "bandwidth-quota": ("apim", 403, "Out of bandwidth quota. Quota will be replenished in 05:12:33."),
    "caller-ip": ("apim", 403, "Caller IP address 203.0.113.9 is not allowed. Access denied."),
    "login-failed": ("engine", 400, "Login failed for user 'HaloIntegrator'."),
    "no-contact": ("wrapped", 503, errors.NO_CONTACT),
    "offline": ("wrapped", 504, errors.OFFLINE),
    "unreachable": ("wrapped", 504, errors.UNREACHABLE),
    "slow-query": ("wrapped", 504, errors.SLOW_QUERY),
}
"""What each named kind answers: who speaks, status, text (troubleshooting guide, APIM's own texts)."""

UNBILLED_KINDS: Final = {
    "rate-limit",
    "quota",
    "bandwidth-quota",
    "caller-ip",
    "no-contact",
    "offline",
    "unreachable",
}
"""Kinds that fail before the practice's database is asked, and so are not billed."""


class FaultRule(BaseModel):
    """One fault on demand. `times` None means until cleared; `path` is a regular expression, searched for.

    `every` 3 lets two matching requests pass and fails the third.
    """

    model_config = ConfigDict(extra="forbid")

    kind: FaultKind = "answer"
    site: str | None = None
    path: str = ""
    method: str | None = None
    key: str | None = None
    times: int | None = Field(default=None, ge=1)
    status: int = Field(default=500, ge=200, le=599)
    body: Any = None
    headers: dict[str, str] = Field(default_factory=dict)
    delay: float = Field(default=0, ge=0)
    per_second: int = Field(default=1, ge=0)
    every: int = Field(default=1, ge=1)
    _match_count: int = PrivateAttr(default=0)
    _recent_requests: dict[str, deque[float]] = PrivateAttr(default_factory=dict)

    @field_validator("path")
    @classmethod
    def validate_path(cls, path: str) -> str:
        """The pattern as given. Raises ValueError when it is not a regular expression."""
        try:
            re.compile(path)
        except re.error as error:
            raise ValueError(f"path is not a regular expression: {error}") from None
        return path

    def matches(self, method: str, path: str, key: str) -> bool:
        """Whether the rule applies to a request; `path` with its query."""
        return (
            (self.site is None or f"/sites/{self.site}".lower() in path.lower())
            and (self.method is None or self.method == method)
            and (self.key is None or self.key == key)
            and re.search(self.path, path) is not None
        )

    def is_due(self) -> bool:
        """Counts a matching request; whether it is one of those that fail."""
        self._match_count += 1
        return self._match_count % self.every == 0

    def is_over_rate_limit(self, key: str) -> bool:
        """Counts a request of a key; whether it is one too many within a second."""
        now, seen = time.monotonic(), self._recent_requests.setdefault(key, deque())
        while seen and seen[0] <= now - 1:
            seen.popleft()
        if len(seen) >= self.per_second:
            return True
        seen.append(now)
        return False

    def refusal(self, size_limit: int) -> Refusal | None:
        """What a named kind answers, or None for kinds that answer otherwise."""
        if self.kind == "too-large":
            return errors.too_large_refusal(size_limit)
        if self.kind == "rate-limit":
            refusal = Refusal("apim", 429, "Rate limit is exceeded. Try again in 1 seconds.", "throttled")
            refusal.headers = {"retry-after": "1"}
            return refusal
        if self.kind not in REFUSALS:
            return None
        surface, status, text = REFUSALS[self.kind]
        return Refusal(surface, status, text, "transient")  # type: ignore[arg-type] # a row of the table


class FaultRules:
    """The rules in force, oldest first."""

    def __init__(self) -> None:
        self.rules: list[FaultRule] = []

    def take_matching(self, method: str, path: str, key: str) -> FaultRule | None:
        """The first rule that applies, used up once; None when all is well."""
        for rule in self.rules:
            if (
                rule.matches(method, path, key)
                and rule.is_due()
                and not (rule.kind == "rate-limit" and not rule.is_over_rate_limit(key))
            ):
                self._decrement_times(rule)
                return rule
        return None

    def site_availability(self, guid: str) -> str:
        """What the site status endpoint says of a site under the rules in force."""
        states = [rule.kind for rule in self.rules if rule.site in {None, guid}]
        return next((kind for kind in states if kind in {"offline", "unreachable"}), "online")

    def _decrement_times(self, rule: FaultRule) -> None:
        if rule.times is not None:
            rule.times -= 1
            if not rule.times:
                self.rules.remove(rule)
