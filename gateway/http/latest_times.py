"""Latest times of events by name: a bounded table that is written and read several times per request."""

from collections.abc import Callable

from gateway.stores.bounded_dict import BoundedDict


class LatestTimes:
    """Time of the latest event of each name; of more than `max_names`, the longest past is forgotten first.

    `clock` returns seconds.
    """

    def __init__(self, clock: Callable[[], float], max_names: int) -> None:
        self._clock = clock
        self._times = BoundedDict[str, float](max_names)

    def __len__(self) -> int:
        return len(self._times)

    def record(self, name: str) -> None:
        """Note an event now."""
        self._times[name] = self._clock()

    def is_within(self, name: str, seconds: float) -> bool:
        """Whether the latest event of a name was less than `seconds` ago."""
        recorded_at = self._times.get(name)
        return recorded_at is not None and self._clock() - recorded_at < seconds

    def forget(self, name: str) -> None:
        """Forget the events of a name."""
        self._times.pop(name, None)
