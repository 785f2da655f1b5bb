"""What Halo would charge: queries and bytes per key, site and path; and what the last requests were."""

from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from gateway.emulator.injected_faults import UNATTEMPTED, FaultRule
from gateway.emulator.search.refusal import Refusal
from gateway.emulator.sites import SITES, Site

Charge = Literal["paid", "free", "none"]
"""Paid: the practice's database was asked. Free: metadata and site status. None: failed before that."""

Line = tuple[str, str, str]


@dataclass
class Bill:
    """Running totals. A line is (key, site, path)."""

    queries: Counter[Line] = field(default_factory=Counter)
    octets: Counter[Line] = field(default_factory=Counter)
    free: Counter[Line] = field(default_factory=Counter)

    def add(self, line: Line, charge: Charge, octets: int) -> None:
        """Counts one exchange of `octets` body bytes."""
        if charge == "paid":
            self.queries[line] += 1
            self.octets[line] += octets
        elif charge == "free":
            self.free[line] += 1

    def clear(self) -> None:
        """Starts again from nothing."""
        self.queries.clear()
        self.octets.clear()
        self.free.clear()

    def as_json(self) -> dict[str, Any]:
        """Totals and one line per key, site and path, most expensive first."""
        lines = sorted({*self.queries, *self.free}, key=lambda line: (-self.queries[line], line))
        return {
            "queries": self.queries.total(),
            "bytes": self.octets.total(),
            "free": self.free.total(),
            "lines": [
                {
                    "key": line[0],
                    "site": line[1],
                    "path": line[2],
                    "queries": self.queries[line],
                    "bytes": self.octets[line],
                    "free": self.free[line],
                }
                for line in lines
            ],
        }


Journal = deque[dict[str, Any]]
"""The last requests, oldest first."""


_NEVER_ATTEMPTED: Final = {401, 403, 404, 429, 503}


def path_site(path: list[str]) -> Site | None:
    """The site a path's segments name, if there is one."""
    match path:
        case [_, "sites", guid, *_]:
            return SITES.get(guid.lower())
    return None


def charge(path: list[str], *, attempted: bool) -> Charge:
    """How an exchange is charged; metadata and all that Halo Cloud answers by itself is free."""
    if not attempted:
        return "none"
    free = path[3:] == ["fhir", "R4", "metadata"] or not {"fhir", "queries"} & set(path[3:4])
    return "free" if free else "paid"


def bill_line(key: str, path: list[str]) -> Line:
    """The line of the bill: key, site, and the path below the FHIR base (or the whole path)."""
    site = path_site(path)
    below = path[5:] if path[3:5] == ["fhir", "R4"] else path
    return key, site.guid if site else "", "/".join(below)


def rule_attempted(rule: FaultRule) -> bool:
    """Whether a demanded answer stands for one that cost a query."""
    return rule.kind != "answer" or rule.status not in _NEVER_ATTEMPTED


def refusal_attempted(refusal: Refusal, rule: FaultRule | None) -> bool:
    """Whether a refused request had reached the practice: the engine's refusals and slow queries did."""
    if rule and rule.kind in UNATTEMPTED:
        return False
    return refusal.surface in {"engine", "query"} or refusal.status == 504  # noqa: PLR2004 - slow query
