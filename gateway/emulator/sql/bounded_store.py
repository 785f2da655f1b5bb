"""A store of queries that is bounded in count and bytes."""

from collections import OrderedDict
from collections.abc import Iterator
from typing import Generic, Protocol, TypeVar


class StoredItem(Protocol):
    """What a store keeps: `owner` is the key or device that may see it, `held_bytes` its size."""

    id: str
    owner: str
    site: str

    @property
    def held_bytes(self) -> int:
        """Size of what the store keeps of the item."""


Item = TypeVar("Item", bound=StoredItem)


class BoundedStore(Generic[Item]):
    """The newest items by id: at most `max_count`, and `max_bytes` of commands and results."""

    def __init__(self, max_count: int = 1_000, max_bytes: int = 64 * 2**20) -> None:
        self.max_count = max_count
        self.max_bytes = max_bytes
        self._items: OrderedDict[str, Item] = OrderedDict()

    def __iter__(self) -> Iterator[Item]:
        return iter(list(self._items.values()))

    def __len__(self) -> int:
        return len(self._items)

    def add(self, item: Item) -> None:
        """Store an item and drop the oldest ones over the limits."""
        self._items[item.id] = item
        self.trim()

    def trim(self) -> None:
        """Drop the oldest items over the limits, but never the newest; called when an item has grown."""
        held = sum(item.held_bytes for item in self._items.values())
        while len(self._items) > 1 and (len(self._items) > self.max_count or held > self.max_bytes):
            held -= self._items.popitem(last=False)[1].held_bytes

    def find(self, item_id: str, site: str, owner: str) -> Item | None:
        """Return an item of that site and owner, or None."""
        item = self.find_any(item_id)
        return item if item and (item.site, item.owner) == (site, owner) else None

    def find_any(self, item_id: str) -> Item | None:
        """Return an item whatever its site and owner, or None."""
        return self._items.get(item_id.lower())

    def list_of(self, site: str, owner: str) -> list[Item]:
        """Return the items of that site and owner, oldest first."""
        return [item for item in self if (item.site, item.owner) == (site, owner)]
