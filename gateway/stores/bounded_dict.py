"""Dict with a maximum number of items: a cache library's tables cost several times as much per access."""

from typing import TypeVar

K = TypeVar("K")
V = TypeVar("V")


class BoundedDict(dict[K, V]):
    """A dict of at most `max_items`; the item that was set the longest ago is dropped first."""

    def __init__(self, max_items: int) -> None:
        super().__init__()
        self.max_items = max_items

    def __setitem__(self, key: K, value: V) -> None:
        self.pop(key, None)
        dict.__setitem__(self, key, value)
        if len(self) > self.max_items:
            del self[next(iter(self))]
