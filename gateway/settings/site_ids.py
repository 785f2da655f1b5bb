"""Short ids of practices: the shortest beginning of a Halo GUID that no other configured practice has."""

from bisect import bisect_left
from collections.abc import Iterable
from functools import lru_cache

#: Least number of characters of an id: the first group of a GUID.
MIN_LENGTH = 8
#: Maximum number of ids of unconfigured GUIDs in memory.
_MAX_KEPT = 1_024


class SiteIds:
    """Ids of the practices with these GUIDs, and of any other, which is not mistaken for one of them."""

    def __init__(self, guids: Iterable[str] = ()) -> None:
        self._guids = sorted(set(guids))
        self._configured = {guid: self._shortest(guid) for guid in self._guids}
        self._unconfigured = lru_cache(_MAX_KEPT)(self._shortest)

    def __call__(self, guid: str) -> str:
        """Return the id of a GUID in lower case."""
        return self._configured.get(guid) or self._unconfigured(guid)

    def _shortest(self, guid: str) -> str:
        """Return the id of a GUID: of all others, its neighbours in order begin most like it."""
        place = bisect_left(self._guids, guid)
        near = [other for other in self._guids[max(place - 1, 0) : place + 2] if other != guid]
        return guid[: max(MIN_LENGTH, *(_common_length(guid, other) + 1 for other in near), 0)]


def _common_length(one: str, other: str) -> int:
    """Return the number of characters with which both begin."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((index for index, (a, b) in pairs if a != b), min(len(one), len(other)))
