"""Bill that Halo would charge (queries and bytes per key, site and path) and journal of recent requests."""

import re
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from gateway.emulator.injected_faults import FaultRule
from gateway.emulator.search.refusal import Refusal
from gateway.emulator.sites import SITES, Site

#: Paid: the request reached the practice's database. Free: metadata, site status. None: it failed earlier.
Charge = Literal["paid", "free", "none"]

#: Subscription key, site GUID, path.
BillKey = tuple[str, str, str]


@dataclass
class Bill:
    """Running totals per BillKey."""

    queries: Counter[BillKey] = field(default_factory=Counter)
    response_bytes: Counter[BillKey] = field(default_factory=Counter)
    free_requests: Counter[BillKey] = field(default_factory=Counter)

    def add(self, key: BillKey, charge: Charge, body_bytes: int) -> None:
        """Count one request whose response has `body_bytes` bytes."""
        if charge == "paid":
            self.queries[key] += 1
            self.response_bytes[key] += body_bytes
        elif charge == "free":
            self.free_requests[key] += 1

    def clear(self) -> None:
        """Set all totals to zero."""
        self.queries.clear()
        self.response_bytes.clear()
        self.free_requests.clear()

    def as_json(self) -> dict[str, Any]:
        """Totals, and one line per BillKey, most queries first."""
        lines = sorted({*self.queries, *self.free_requests}, key=lambda line: (-self.queries[line], line))
        return {
            "queries": self.queries.total(),
            "bytes": self.response_bytes.total(),
            "free": self.free_requests.total(),
            "lines": [
                {
                    "key": line[0],
                    "site": line[1],
                    "path": line[2],
                    "queries": self.queries[line],
                    "bytes": self.response_bytes[line],
                    "free": self.free_requests[line],
                }
                for line in lines
            ],
        }


#: The last requests, oldest first.
Journal = deque[dict[str, Any]]

_QUERY_ID: Final = re.compile(r"[0-9a-fA-F-]{36}")
#: Paths below `/queries` that submit a query.
_SUBMISSIONS: Final = (["immediate"], ["async"], ["registered"])
_UNBILLED_STATUSES: Final = {401, 403, 404, 429, 503}


def site_in_path(path: list[str]) -> Site | None:
    """Return the site named by the segments of a path, or None."""
    match path:
        case [_, "sites", guid, *_]:
            return SITES.get(guid.lower())
    return None


def charge_for(path: list[str], *, reached_database: bool, method: str = "POST") -> Charge:
    """Charge of a request. Metadata and everything that Halo Cloud answers itself are free."""
    if not reached_database:
        return "none"
    free = path[3:] == ["fhir", "R4", "metadata"] or not {"fhir", "queries"} & set(path[3:4])
    return "free" if free or _is_read_of_queries(path, method) else "paid"


def _is_read_of_queries(path: list[str], method: str) -> bool:
    """Whether a request to `/queries` submits nothing: polls, pages, lists, deletes."""
    is_submission = method == "POST" and path[4:] in _SUBMISSIONS
    return path[3:4] == ["queries"] and not is_submission


def bill_key(key: str, path: list[str]) -> BillKey:
    """Line of the bill: key, site, and the path below the FHIR base, or the whole path without query ids."""
    site = site_in_path(path)
    segments = path[5:] if path[3:5] == ["fhir", "R4"] else path
    if path[3:4] == ["queries"]:
        segments = [*path[:4], *(_QUERY_ID.sub("{id}", segment) for segment in path[4:])]
    return key, site.guid if site else "", "/".join(segments)


def is_billed_fault(rule: FaultRule) -> bool:
    """Whether Halo would bill a query for the response that a rule injects."""
    return rule.kind != "answer" or rule.status not in _UNBILLED_STATUSES


def is_billed_refusal(refusal: Refusal, rule: FaultRule | None) -> bool:
    """Whether a refused request reached the practice: true for the engine's refusals and slow queries."""
    if rule and rule.is_unbilled:
        return False
    return refusal.source in {"engine", "query"} or refusal.status == 504  # noqa: PLR2004 - slow query
