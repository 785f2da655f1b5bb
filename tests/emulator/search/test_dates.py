from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from gateway.emulator.search.dates import INSTANT_WIDTH, column_value, hidden_fraction, parse_search_value
from gateway.emulator.search.refusal import Refusal

SYDNEY = ZoneInfo("Australia/Sydney")
NOTHING = timedelta(0)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("2026", "2026-01-01", "2027-01-01"),
        ("2026-02", "2026-02-01", "2026-03-01"),
        ("2026-12", "2026-12-01", "2027-01-01"),
        ("2024-02-29", "2024-02-29", "2024-03-01"),
        ("2026-04-05T10:20", "2026-04-05T10:20", "2026-04-05T10:21"),
        ("2026-04-05T10:20:30", "2026-04-05T10:20:30", "2026-04-05T10:20:31"),
        ("2026-04-05T10:20:30.25", "2026-04-05T10:20:30.250", "2026-04-05T10:20:30.260"),
        ("2026-04-05T00:00:00Z", "2026-04-05T10:00:00", "2026-04-05T10:00:01"),
        ("2026-04-04T15:30:00Z", "2026-04-05T02:30:00", "2026-04-05T02:30:01"),
        ("2026-01-01T00:00:00+08:00", "2026-01-01T03:00:00", "2026-01-01T03:00:01"),
    ],
)
def test_a_search_value_covers_one_unit_on_the_clock_of_the_column(text: str, low: str, high: str) -> None:
    value = parse_search_value(text, SYDNEY, exact_only=False)
    assert (value.prefix, value.low, value.high) == ("eq", at(low), at(high))


@pytest.mark.parametrize("text", ["2026-04-05", "ge2026-04-05", "lt2026-04-05T10:20:30"])
def test_halo_takes_days_and_seconds(text: str) -> None:
    assert parse_search_value(text, SYDNEY, exact_only=True).low


@pytest.mark.parametrize(
    "text",
    [
        "2026",
        "2026-04",
        "2026-04-05T10:20",
        "2026-04-05T10:20:30Z",
        "2026-04-05T10:20:30+10:00",
        "2026-04-05T10:20:30.5",
        " 2026-04-05",
        "2026-04-05 10:20:30",
    ],
)
def test_halo_refuses_every_other_form(text: str) -> None:
    with pytest.raises(Refusal, match="YYYY-MM-DD"):
        parse_search_value(text, SYDNEY, exact_only=True)


@pytest.mark.parametrize(
    "text", ["", "tomorrow", "zz2026-04-05", "2026-02-30", "2026-13-01", "0000", "2026-4-5"]
)
@pytest.mark.parametrize("exact_only", [True, False])
def test_what_is_no_date_is_refused(text: str, exact_only: bool) -> None:
    with pytest.raises(Refusal):
        parse_search_value(text, SYDNEY, exact_only=exact_only)


def test_a_refusal_does_not_repeat_the_value() -> None:
    with pytest.raises(Refusal) as caught:
        parse_search_value("1980-secret", SYDNEY, exact_only=False)
    assert "secret" not in caught.value.text


def test_a_dated_time_keeps_its_hidden_fraction_and_a_day_does_not() -> None:
    hidden = timedelta(milliseconds=250)
    time = column_value("2026-04-05T10:20:30+10:00", SYDNEY, extra_fraction=hidden, is_instant=False)
    day = column_value("2026-04-05", SYDNEY, extra_fraction=hidden, is_instant=False)
    assert time
    assert day
    assert (time.low, time.raw - time.low) == (at("2026-04-05T10:20:30"), hidden)
    assert day.raw == day.low


def test_an_instant_is_a_point() -> None:
    column = column_value("2026-04-05T10:20:30+10:00", SYDNEY, extra_fraction=NOTHING, is_instant=True)
    assert column
    assert column.high - column.low == INSTANT_WIDTH


@pytest.mark.parametrize(("text", "partial"), [("2019", True), ("2020-06", True), ("2020-06-01", False)])
def test_partial_values_are_marked(text: str, partial: bool) -> None:
    column = column_value(text, SYDNEY, extra_fraction=NOTHING, is_instant=False)
    assert column
    assert column.is_partial is partial


def test_a_period_reaches_to_the_end_of_the_unit_of_its_end() -> None:
    column = column_value(
        {"start": "2026-01-01", "end": "2026-01-31"}, SYDNEY, extra_fraction=NOTHING, is_instant=False
    )
    assert column
    assert (column.kind, column.low, column.high) == ("period", at("2026-01-01"), at("2026-02-01"))


def test_an_open_period_reaches_as_far_as_time_does() -> None:
    later = column_value({"start": "2026-01-01"}, SYDNEY, extra_fraction=NOTHING, is_instant=False)
    earlier = column_value({"end": "2026-01-01"}, SYDNEY, extra_fraction=NOTHING, is_instant=False)
    assert later
    assert earlier
    assert (later.high, earlier.low) == (datetime.max, datetime.min)  # noqa: DTZ901 - wall clock
    assert column_value({}, SYDNEY, extra_fraction=NOTHING, is_instant=False) is None


def test_what_is_no_date_has_no_column() -> None:
    assert column_value("soon", SYDNEY, extra_fraction=NOTHING, is_instant=False) is None


@pytest.mark.parametrize(
    "text",
    ["2016-12-31T23:59:60Z", "9999", "9999-12-31T23:59:59-10:00", "0001-01-01T00:00:00+10:00", "2026-02-30"],
)
def test_what_no_column_can_hold_has_none(text: str) -> None:
    assert column_value(text, SYDNEY, extra_fraction=NOTHING, is_instant=False) is None


def test_a_row_always_hides_the_same_fraction() -> None:
    fractions = {hidden_fraction("Observation", str(number)) for number in range(50)}
    assert hidden_fraction("Observation", "1") == hidden_fraction("Observation", "1")
    assert len(fractions) > 40
    assert max(fractions) < timedelta(seconds=1)
