"""Faults on demand: rules set through the control endpoints, matched by site, path, method and key."""

import re
import time
from collections import deque
from typing import Any, Final, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, field_validator

from gateway.emulator import errors
from gateway.emulator.search.refusal import Refusal
from gateway.emulator.sql.query_error import HALO_LINK_ERRORS, QueryError, sql_server_error

FaultKind = Literal[
    "answer", "delay", "drip", "reset", "lost", "truncate", "hang", "rate-limit", "quota", "bandwidth-quota",
    "login-failed", "caller-ip", "no-contact", "offline", "unreachable", "slow-query", "too-large",
    "halo-link", "sql-error",
]  # fmt: skip

#: Source, status and text of each refusal by kind (troubleshooting guide, Azure API Management's texts).
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

#: Kinds that fail before the request reaches the practice's database, and so are not billed.
UNBILLED_KINDS: Final = {
    "rate-limit",
    "quota",
    "bandwidth-quota",
    "caller-ip",
    "login-failed",
    "no-contact",
    "offline",
    "unreachable",
}
#: The same of errors with a number: no connection, a query without its properties, a login that failed.
_UNBILLED_ERRORS: Final = {("halo-link", 1), ("halo-link", 4), ("sql-error", 18456)}


class FaultRule(BaseModel):
    """One fault on demand. `times` None: until cleared. `path`: a regular expression, searched for.

    `every` 3: two matching requests succeed, the third fails. `delay`: seconds.
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
    error_code: int = Field(default=1, ge=0)
    _match_count: int = PrivateAttr(default=0)
    _recent_requests: dict[str, deque[float]] = PrivateAttr(default_factory=dict)

    @field_validator("path")
    @classmethod
    def validate_path(cls, path: str) -> str:
        """Return the path. Raises ValueError unless it is a regular expression."""
        try:
            re.compile(path)
        except re.error as error:
            raise ValueError(f"path is not a regular expression: {error}") from None
        return path

    def matches(self, method: str, path: str, key: str) -> bool:
        """Whether the rule applies to a request; `path` includes the query."""
        return (
            (self.site is None or f"/sites/{self.site}".lower() in path.lower())
            and (self.method is None or self.method == method)
            and (self.key is None or self.key == key)
            and re.search(self.path, path) is not None
        )

    def is_due(self) -> bool:
        """Count a matching request and return whether it fails."""
        self._match_count += 1
        return self._match_count % self.every == 0

    @property
    def is_unbilled(self) -> bool:
        """Whether the request fails before it reaches the practice's database."""
        return self.kind in UNBILLED_KINDS or (self.kind, self.error_code) in _UNBILLED_ERRORS

    def is_over_rate_limit(self, key: str) -> bool:
        """Count a request of a key and return whether it exceeds `per_second`."""
        now, times = time.monotonic(), self._recent_requests.setdefault(key, deque())
        while times and times[0] <= now - 1:
            times.popleft()
        if len(times) >= self.per_second:
            return True
        times.append(now)
        return False

    def query_error(self) -> QueryError:
        """Return the error of the kinds `halo-link` and `sql-error`."""
        if self.kind == "sql-error":
            return sql_server_error(self.error_code)
        return HALO_LINK_ERRORS.get(self.error_code, HALO_LINK_ERRORS[1])

    def refusal(self, size_limit: int) -> Refusal | None:
        """Return the refusal of this kind, or None if the kind is not a refusal; `size_limit` in bytes."""
        if self.kind in {"halo-link", "sql-error"}:
            return _query_refusal(self.query_error())
        if self.kind == "too-large":
            return errors.too_large_refusal(size_limit)
        if self.kind == "rate-limit":
            refusal = Refusal("apim", 429, "Rate limit is exceeded. Try again in 1 seconds.", "throttled")
            refusal.headers = {"retry-after": "1"}
            return refusal
        if self.kind not in REFUSALS:
            return None
        source, status, text = REFUSALS[self.kind]
        return Refusal(source, status, text, "transient")  # type: ignore[arg-type] # a row of the table


def _query_refusal(error: QueryError) -> Refusal:
    refusal = Refusal("query", 400, error.errorMessage, "exception")
    refusal.error_type, refusal.error_code = error.errorType, error.errorCode
    return refusal


RuleT = TypeVar("RuleT", bound=FaultRule)


class FaultRules(Generic[RuleT]):
    """The rules in force, oldest first."""

    def __init__(self) -> None:
        self.rules: list[RuleT] = []

    def take_matching(self, method: str, path: str, key: str) -> RuleT | None:
        """Return the oldest rule that applies, with its `times` decremented; or None."""
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
        """Return the `availability` of a site in the site status under the rules in force."""
        kinds = [rule.kind for rule in self.rules if rule.site in {None, guid}]
        return next((kind for kind in kinds if kind in {"offline", "unreachable"}), "online")

    def _decrement_times(self, rule: RuleT) -> None:
        if rule.times is not None:
            rule.times -= 1
            if not rule.times:
                self.rules.remove(rule)
