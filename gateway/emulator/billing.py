"""What Halo would charge: queries and bytes per key, site and path; and what the last requests were."""

from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Any, Literal

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
