"""Dict with a maximum number of items."""

from gateway.stores.bounded_dict import BoundedDict


def test_item_that_was_set_the_longest_ago_is_dropped_first() -> None:
    items = BoundedDict[str, int](2)
    for number, name in enumerate("abac"):
        items[name] = number
    assert items == {"a": 2, "c": 3}


def test_reading_keeps_no_item() -> None:
    items = BoundedDict[str, int](2)
    items["a"] = items["b"] = 0
    assert items.get("a") == 0
    items["c"] = 0
    assert list(items) == ["b", "c"]
