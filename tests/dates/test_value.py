"""Grammar and ranges of date values."""

from datetime import UTC, datetime
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.dates.value import (
    GRAMMAR,
    YEAR_10000,
    DateValue,
    DateValueError,
    parse_date_value,
    parse_stored_date,
)


def utc(*parts: int) -> int:
    return int(datetime(*parts, tzinfo=UTC).timestamp())  # type: ignore[arg-type, misc]


@pytest.mark.parametrize(
    ("text", "prefix", "start", "end", "on_utc_axis"),
    [
        ("2024", "eq", utc(2024, 1, 1), utc(2025, 1, 1), False),
        ("ge2024-12", "ge", utc(2024, 12, 1), utc(2025, 1, 1), False),
        ("ap2024-02", "ap", utc(2024, 2, 1), utc(2024, 3, 1), False),
        ("ne2024-02-29", "ne", utc(2024, 2, 29), utc(2024, 3, 1), False),
        ("sa2024-05-01T10:20", "sa", utc(2024, 5, 1, 10, 20), utc(2024, 5, 1, 10, 21), False),
        ("eb2024-05-01T10:20:30", "eb", utc(2024, 5, 1, 10, 20, 30), utc(2024, 5, 1, 10, 20, 31), False),
        ("2024-05-01T10:20Z", "eq", utc(2024, 5, 1, 10, 20), utc(2024, 5, 1, 10, 21), True),
        (
            "lt2024-05-01T10:20:30+10:30",
            "lt",
            utc(2024, 4, 30, 23, 50, 30),
            utc(2024, 4, 30, 23, 50, 31),
            True,
        ),
        ("2024-05-01T10:20:30 14:00", "eq", utc(2024, 4, 30, 20, 20, 30), utc(2024, 4, 30, 20, 20, 31), True),
        ("2024-05-01T10:20-02:15", "eq", utc(2024, 5, 1, 12, 35), utc(2024, 5, 1, 12, 36), True),
        ("2016-12-31T23:59:60Z", "eq", utc(2017, 1, 1), utc(2017, 1, 1, 0, 0, 1), True),
        ("2024-05-01T10%3A20%3a30", "eq", utc(2024, 5, 1, 10, 20, 30), utc(2024, 5, 1, 10, 20, 31), False),
        ("2024-05-01T10\\:20", "eq", utc(2024, 5, 1, 10, 20), utc(2024, 5, 1, 10, 21), False),
        ("9999", "eq", utc(9999, 1, 1), YEAR_10000, False),
        ("9999-12", "eq", utc(9999, 12, 1), YEAR_10000, False),
        ("9999-12-31", "eq", utc(9999, 12, 31), YEAR_10000, False),
        ("0001", "eq", utc(1, 1, 1), utc(2, 1, 1), False),
    ],
)
def test_value_is_range_of_its_unit(
    text: str, prefix: str, start: int, end: int, *, on_utc_axis: bool
) -> None:
    assert parse_date_value(text) == DateValue(prefix, start, end, on_utc_axis)


@pytest.mark.parametrize(
    "text",
    [
        *("", "ge", "2024-13", "2024-00", "2023-02-29", "2024-04-31", "0000", "10000", "20240501", "24"),
        *("2024-5-1", "2024-05-01T10", "2024-05-01T24:00", "2024-05-01T10:60", "2024-05-01T10:00:61"),
        *("2024-05-01T10:00+15:00", "2024-05-01T10:00+14:01", "2024-05-01T10:00+10:60", "2024-05Z"),
        *(
            "2024-05-01Z",
            "2024-05-01T10:00z",
            "2024-05-01t10:00",
            "2024-05-01T10:00:",
            "2024-05-01T10:00:00.",
        ),
        *(
            "2024-05-01T10:00.5",
            "xx2024",
            "GE2024",
            "gege2024",
            "ge 2024",
            "2024 ",
            "2024\n",
            "٢٠٢٤",
            "-2024",
        ),
        *("2024-05-01T10:00:00+1000", "2024-05-01T10:00:00+10", "2024-05-01 10:00:00", "23 May 2009"),
        f"2024-05-01T10:00:00.{'1' * 5000}",
    ],
)
def test_other_text_raises_with_grammar(text: str) -> None:
    with pytest.raises(DateValueError) as error:
        parse_date_value(text)
    assert str(error.value) == f"Not a valid date. Write dates as {GRAMMAR}."


@given(st.integers(0, 10**30), st.integers(30, 4000))
def test_fraction_of_any_length_is_exact(fraction: int, digits: int) -> None:
    value = parse_date_value(f"2024-05-01T10:00:00.{fraction:0{digits + 1}}Z")
    assert value.start == utc(2024, 5, 1, 10) + Fraction(fraction, 10 ** (digits + 1))
    assert value.end == value.start


@given(st.text(max_size=30))
def test_any_text_is_parsed_or_rejected(text: str) -> None:
    try:
        value = parse_date_value(text)
        assert value.end > value.start or ("." in text and value.end == value.start)
    except DateValueError as error:
        assert str(error) == f"Not a valid date. Write dates as {GRAMMAR}."  # noqa: PT017 - may also succeed


def test_stored_value_has_no_prefix() -> None:
    assert parse_stored_date("2024") == parse_date_value("2024")
    with pytest.raises(DateValueError):
        parse_stored_date("ge2024")
