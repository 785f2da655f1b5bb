from dataclasses import dataclass

from gateway.emulator.sql.bounded_store import BoundedStore


@dataclass
class Item:
    id: str
    owner: str = "key"
    site: str = "site"
    held_bytes: int = 1


def ids(store: BoundedStore[Item]) -> list[str]:
    return [item.id for item in store]


def test_oldest_item_is_dropped_over_the_count() -> None:
    store: BoundedStore[Item] = BoundedStore(max_count=2)
    for name in "abc":
        store.add(Item(name))
    assert (ids(store), len(store)) == (["b", "c"], 2)


def test_oldest_items_are_dropped_over_the_bytes() -> None:
    store: BoundedStore[Item] = BoundedStore(max_bytes=10)
    for name in "ab":
        store.add(Item(name, held_bytes=5))
    grown = store.find_any("b")
    assert grown is not None
    grown.held_bytes = 6
    store.trim()
    assert ids(store) == ["b"]


def test_newest_item_stays_however_large() -> None:
    store: BoundedStore[Item] = BoundedStore(max_bytes=10)
    store.add(Item("a"))
    store.add(Item("b", held_bytes=99))
    assert ids(store) == ["b"]


def test_item_is_found_by_id_site_and_owner() -> None:
    store: BoundedStore[Item] = BoundedStore()
    store.add(Item("a"))
    assert store.find("A", "site", "key") is store.find_any("a")
    assert store.find("a", "other", "key") is None
    assert store.find("a", "site", "other") is None
    assert [len(store.list_of("site", owner)) for owner in ("key", "other")] == [1, 0]
