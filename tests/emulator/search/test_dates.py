from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from gateway.emulator.search.dates import INSTANT_WIDTH, column_value, hidden_fraction, parse_search_value
from gateway.emulator.search.refusal import Refusal

SYDNEY = ZoneInfo("Australia/Sydney")
NOTHING = timedelta(0)


def wall(text: str) -> datetime:
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
def test_search_value_spans_its_precision_in_column_zone(text: str, low: str, high: str) -> None:
    value = parse_search_value(text, SYDNEY, exact_only=False)
    assert (value.prefix, value.low, value.high) == ("eq", wall(low), wall(high))


@pytest.mark.parametrize("text", ["2026-04-05", "ge2026-04-05", "lt2026-04-05T10:20:30"])
def test_day_and_second_precision_are_exact(text: str) -> None:
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
def test_other_precisions_are_refused_if_exact_only(text: str) -> None:
    with pytest.raises(Refusal, match="YYYY-MM-DD"):
        parse_search_value(text, SYDNEY, exact_only=True)


@pytest.mark.parametrize(
    "text", ["", "tomorrow", "zz2026-04-05", "2026-02-30", "2026-13-01", "0000", "2026-4-5"]
)
@pytest.mark.parametrize("exact_only", [True, False])
def test_invalid_date_is_refused(text: str, exact_only: bool) -> None:
    with pytest.raises(Refusal):
        parse_search_value(text, SYDNEY, exact_only=exact_only)


def test_refusal_text_omits_search_value() -> None:
    with pytest.raises(Refusal) as excinfo:
        parse_search_value("1980-secret", SYDNEY, exact_only=False)
    assert "secret" not in excinfo.value.text


def test_hidden_fraction_applies_to_times_only() -> None:
    fraction = timedelta(milliseconds=250)
    time = column_value("2026-04-05T10:20:30+10:00", SYDNEY, extra_fraction=fraction, is_instant=False)
    day = column_value("2026-04-05", SYDNEY, extra_fraction=fraction, is_instant=False)
    assert time
    assert day
    assert (time.low, time.raw - time.low) == (wall("2026-04-05T10:20:30"), fraction)
    assert day.raw == day.low


def test_instant_has_minimal_width() -> None:
    column = column_value("2026-04-05T10:20:30+10:00", SYDNEY, extra_fraction=NOTHING, is_instant=True)
    assert column
    assert column.high - column.low == INSTANT_WIDTH


@pytest.mark.parametrize(("text", "partial"), [("2019", True), ("2020-06", True), ("2020-06-01", False)])
def test_partial_date_is_marked(text: str, partial: bool) -> None:
    column = column_value(text, SYDNEY, extra_fraction=NOTHING, is_instant=False)
    assert column
    assert column.is_partial is partial


def test_period_ends_after_unit_of_its_end() -> None:
    column = column_value(
        {"start": "2026-01-01", "end": "2026-01-31"}, SYDNEY, extra_fraction=NOTHING, is_instant=False
    )
    assert column
    assert (column.kind, column.low, column.high) == ("period", wall("2026-01-01"), wall("2026-02-01"))


def test_open_period_is_unbounded() -> None:
    later = column_value({"start": "2026-01-01"}, SYDNEY, extra_fraction=NOTHING, is_instant=False)
    earlier = column_value({"end": "2026-01-01"}, SYDNEY, extra_fraction=NOTHING, is_instant=False)
    assert later
    assert earlier
    assert (later.high, earlier.low) == (datetime.max, datetime.min)  # noqa: DTZ901 - wall clock
    assert column_value({}, SYDNEY, extra_fraction=NOTHING, is_instant=False) is None


def test_invalid_date_has_no_column() -> None:
    assert column_value("soon", SYDNEY, extra_fraction=NOTHING, is_instant=False) is None


@pytest.mark.parametrize(
    "text",
    ["2016-12-31T23:59:60Z", "9999", "9999-12-31T23:59:59-10:00", "0001-01-01T00:00:00+10:00", "2026-02-30"],
)
def test_unrepresentable_date_has_no_column(text: str) -> None:
    assert column_value(text, SYDNEY, extra_fraction=NOTHING, is_instant=False) is None


def test_hidden_fraction_is_constant_per_row() -> None:
    fractions = {hidden_fraction("Observation", str(number)) for number in range(50)}
    assert hidden_fraction("Observation", "1") == hidden_fraction("Observation", "1")
    assert len(fractions) > 40
    assert max(fractions) < timedelta(seconds=1)
