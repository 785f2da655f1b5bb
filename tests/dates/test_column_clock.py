"""Ranges on the column's clock, as wide as what is not known about it."""

from datetime import UTC

import pytest

from gateway.dates.bounds import second_text
from gateway.dates.column_clock import ColumnClock, Edges, column_edges, largest_offset
from gateway.dates.points import floor_day
from gateway.dates.timezones import BEGIN, END, load_zone
from gateway.dates.value import parse_date_value

SYDNEY = load_zone("Australia/Sydney")
SITE_CLOCK = ColumnClock((SYDNEY,))
UNKNOWN = ColumnClock((SYDNEY, UTC))


def ends_of(edges: Edges) -> tuple[object, ...]:
    return edges.start_low, edges.start_high, edges.end_low, edges.end_high


def texts_of(text: str, clock: ColumnClock) -> list[str]:
    edges = column_edges(parse_date_value(text), SYDNEY, clock)
    return [second_text(int(time))[5:] for time in ends_of(edges)]  # type: ignore[call-overload]


def test_wall_time_on_site_clock_is_unchanged() -> None:
    value = parse_date_value("2024-10-06T02:30")
    edges = column_edges(value, SYDNEY, SITE_CLOCK)
    assert ends_of(edges) == (value.start, value.start, value.end, value.end)


def test_edges_in_fold_differ() -> None:
    edges = column_edges(parse_date_value("ge2024-04-06T15:30:00Z"), SYDNEY, SITE_CLOCK)
    assert edges.start_high - edges.start_low == 1800
    assert edges.high("end") > edges.low("end")


def test_edges_outside_calendar_are_open() -> None:
    assert column_edges(parse_date_value("9999"), SYDNEY, SITE_CLOCK).end_low == END
    assert column_edges(parse_date_value("0001-01-01T00:00+01:00"), SYDNEY, SITE_CLOCK).start_low == BEGIN
    assert column_edges(parse_date_value("9999"), SYDNEY, ColumnClock((UTC,))).end_high == END


@pytest.mark.parametrize(
    ("text", "clock", "times"),
    [
        (
            "2024-06-03",
            UNKNOWN,
            ["06-02T14:00:00", "06-03T00:00:00", "06-03T14:00:00", "06-04T00:00:00"],
        ),
        (
            "2024-06-03T00:00:00Z",
            UNKNOWN,
            ["06-03T00:00:00", "06-03T10:00:00", "06-03T00:00:01", "06-03T10:00:01"],
        ),
        (
            "2024-06-03T00:00:00Z",
            ColumnClock((SYDNEY, UTC), "unknown"),
            ["06-02T14:00:00", "06-03T20:00:00", "06-02T14:00:01", "06-03T20:00:01"],
        ),
        (
            "2024-06-03T00:00:00Z",
            ColumnClock((UTC,), "unknown"),
            ["06-02T14:00:00", "06-03T10:00:00", "06-02T14:00:01", "06-03T10:00:01"],
        ),
    ],
)
def test_edges_are_as_wide_as_the_doubt(text: str, clock: ColumnClock, times: list[str]) -> None:
    assert texts_of(text, clock) == times


# 02:15 comes twice: the record of the first pass is shown an hour later.
def test_times_without_offset_are_asked_for_in_both_passes() -> None:
    digits = ColumnClock((UTC,), "digits")
    assert texts_of("2024-04-06T16:15:00Z", digits)[::3] == ["04-06T15:15:00", "04-06T17:00:00"]
    assert texts_of("2024-04-06T15:00:00Z", ColumnClock((SYDNEY,), "digits")) == texts_of(
        "2024-04-06T15:00:00Z", SITE_CLOCK
    )
    assert len(set(texts_of("2024-06-06T16:15:00Z", digits))) == 2


def test_point_ends_before_next_second() -> None:
    edges = column_edges(parse_date_value("2024-06-03T00:00:00.9999"), SYDNEY, SITE_CLOCK)
    assert edges.start_low < edges.end_low < edges.start_low // 1 + 1


def test_unit_begins_at_midnight_of_either_clock() -> None:
    value = parse_date_value("ge2024-06-03T09:00:00+10:00")
    known = column_edges(value, SYDNEY, SITE_CLOCK)
    assert second_text(known.low_unit("start", floor_day)) == "2024-06-03T00:00:00"
    unknown = column_edges(value, SYDNEY, UNKNOWN)
    assert second_text(unknown.low_unit("start", floor_day)) == "2024-06-02T14:00:00"
    open_end = column_edges(parse_date_value("9999"), SYDNEY, SITE_CLOCK)
    assert open_end.low_unit("end", floor_day) == END


def test_clock_is_known_without_any_doubt() -> None:
    clocks = (SITE_CLOCK, UNKNOWN, ColumnClock((UTC,), "unknown"), ColumnClock((UTC,), "digits"))
    assert [clock.is_known for clock in clocks] == [True, False, False, True]
    assert ColumnClock((UTC,)).with_midnights_of(SYDNEY).zones == (UTC, SYDNEY)
    assert UNKNOWN.with_midnights_of(SYDNEY) is UNKNOWN


def test_largest_offset_is_that_of_summer_near_the_change() -> None:
    change = parse_date_value("2024-04-07").start
    assert largest_offset(SYDNEY, change) == 11 * 3600
    assert largest_offset(load_zone("America/New_York"), change) == 4 * 3600
