"""The latest failure of each code, without values: number, time, site and request id."""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from gateway.errors.failure import FailureKind

#: Maximum number of codes: those of the gateway are fewer, and packs bring their own. The one that has not
#: occurred for longest goes first.
MAX_CODES: Final = 300


@dataclass(slots=True)
class RecentFailure:
    """Failures of one code since start, and the last of them; `at` in seconds since 1970."""

    kind: FailureKind
    count: int = 0
    at: float = 0.0
    site: str = ""
    request_id: str = ""


class RecentFailures:
    """Failures of this process by code. For the thread of the event loop."""

    def __init__(self) -> None:
        self._by_code: OrderedDict[str, RecentFailure] = OrderedDict()

    def add(self, kind: FailureKind, now: float, site: str, request_id: str) -> None:
        """Count a failure; `site` is a name, and `now` in seconds since 1970."""
        failure = self._by_code.get(kind.code)
        if failure is None:
            failure = self._by_code[kind.code] = RecentFailure(kind)
            if len(self._by_code) > MAX_CODES:
                self._by_code.popitem(last=False)
        self._by_code.move_to_end(kind.code)
        failure.kind, failure.count = kind, failure.count + 1
        failure.at, failure.site, failure.request_id = now, site, request_id

    def latest_first(self) -> list[RecentFailure]:
        """Return the failures, the latest first."""
        return list(reversed(self._by_code.values()))
