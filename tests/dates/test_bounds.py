"""The tolerance of ap, and the format of bounds."""

from datetime import UTC, datetime
from fractions import Fraction

from gateway.dates.bounds import (
    day_text,
    epoch_seconds,
    range_text,
    second_text,
    widen_approximate,
)
from gateway.dates.timezones import load_zone
from gateway.dates.value import parse_date_value

SYDNEY = load_zone("Australia/Sydney")


def test_ap_is_widened_by_tenth_of_time_to_now() -> None:
    now = datetime(2026, 11, 20, 5, 30, tzinfo=UTC)
    past, future, today = (
        widen_approximate(parse_date_value(text), now, SYDNEY)
        for text in ("ap2026-11-20T05:00:00Z", "ap2026-11-20T06:00:00Z", "ap2026-11-20")
    )
    assert past.end - past.start == 1 + 2 * Fraction(1799, 10)
    assert future.end - future.start == 1 + 2 * 180
    assert today.end - today.start == 86400
    exact = parse_date_value("2024")
    assert widen_approximate(exact, now, SYDNEY) is exact


def test_epoch_seconds_are_exact() -> None:
    assert epoch_seconds(datetime(1970, 1, 1, 0, 0, 1, 500000, tzinfo=UTC)) == Fraction(3, 2)
    assert epoch_seconds(datetime(1969, 12, 31, tzinfo=UTC)) == -86400


def test_bounds_have_format_that_halo_accepts() -> None:
    assert (day_text(0), second_text(-1)) == ("1970-01-01", "1969-12-31T23:59:59")


def test_range_text_names_axis() -> None:
    assert range_text(parse_date_value("gt2024-05-01T10:00:00.10Z")) == ("gt 2024-05-01T10:00:00.1 UTC")
    assert range_text(parse_date_value("0001-01-01T00:00+01:00")).startswith("eq [-inf, -inf)")
