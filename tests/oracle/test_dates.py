from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from oracle.dates import selects, stored, wanted

SYDNEY = ZoneInfo("Australia/Sydney")
NOW = datetime(2026, 6, 1, tzinfo=UTC)


def matching_prefixes(search: str, value: Any, *, is_instant: bool = False) -> set[str]:
    target = stored(value, SYDNEY, is_instant=is_instant)
    prefixes = ("eq", "ne", "gt", "lt", "ge", "le", "sa", "eb")
    return {prefix for prefix in prefixes if selects(wanted(prefix + search), target, NOW, SYDNEY)}


#: Examples of spec-digest 1.1 and of R4's search.html 3.1.1.4.5.
@pytest.mark.parametrize(
    ("search", "value", "expected"),
    [
        ("2018-10-29T23:59:59", "2018-10-29", "ne ge lt le"),
        ("2018-10-29T00:00:00", "2018-10-29", "ne gt ge le"),
        ("2024-05-01T09:00:00+10:00", "2024-05-01", "ne gt lt ge le"),
        ("2024-05-01", "2024-05-01T10:00:00+10:00", "eq ge le"),
        ("2024-04-30", "2024-05-01T10:00:00+10:00", "ne gt ge sa"),
        ("2024-05-02", "2024-05-01T10:00:00+10:00", "ne lt le eb"),
        ("2024", "2024-05", "eq ge le"),
        ("2024-05-10", "2024-05", "ne gt lt ge le"),
        ("2024-05-01T10:00:00.500+10:00", "2024-05-01T10:00:00.5+10:00", "eq ge le"),
        ("2024-05-01T10:00:00.500Z", "2024-05-01T10:00:00.5000000Z", "eq ge le"),
        ("2024-05-01T10:00:00.000Z", "2024-05-01T10:00:00Z", "ne gt ge le"),
        ("2012-02", {"start": "2012-02-01", "end": "2012-02-03"}, "eq ge le"),
        ("2012-02-03T10:00", {"start": "2012-02-01", "end": "2012-02-03"}, "ne gt lt ge le"),
        ("2012-02-01", {"start": "2012-02-02T00:00:00+11:00"}, "ne gt ge sa"),
        ("2012-02-04", {"end": "2012-02-03"}, "ne lt le eb"),
    ],
)
def test_prefixes_select_what_the_text_says(search: str, value: Any, expected: str) -> None:
    assert matching_prefixes(search, value) == set(expected.split())


@pytest.mark.parametrize(
    ("search", "expected"),
    [
        ("2024-05-01T10:00:00+10:00", "eq ge le"),
        ("2024-05-01T09:59:59+10:00", "ne gt ge sa"),
        ("2024-05-01T10:00:01+10:00", "ne lt le eb"),
        ("2024-05-01T10:00:00.00+10:00", "eq ge le"),
    ],
)
def test_instant_is_a_point(search: str, expected: str) -> None:
    value = "2024-05-01T10:00:00+10:00"
    assert matching_prefixes(search, value, is_instant=True) == set(expected.split())


@pytest.mark.parametrize("value", ["2026-04-05T02:30:00+11:00", "2026-04-05T02:30:00+10:00"])
def test_time_without_offset_means_both_passes_of_repeated_hour(value: str) -> None:
    target = stored(value, SYDNEY, is_instant=True)
    assert selects(wanted("2026-04-05T02:30"), target, NOW, SYDNEY)
    assert selects(wanted("2026-04-05T02:30+11:00"), target, NOW, SYDNEY) == value.endswith("+11:00")


@pytest.mark.parametrize(("search", "is_near"), [("ap2026-02-01", True), ("ap2026-01-01", False)])
def test_approximate_value_is_widened_by_a_tenth_of_its_distance(search: str, is_near: bool) -> None:
    target = stored("2026-02-10", SYDNEY, is_instant=False)
    assert selects(wanted(search), target, NOW, SYDNEY) == is_near
