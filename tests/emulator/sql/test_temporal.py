"""Dates and times: what each type keeps."""

import pytest

from gateway.emulator.sql.data_types import DataType, parse_type
from gateway.emulator.sql.temporal import read_temporal


@pytest.mark.parametrize(
    ("text", "name", "stored"),
    [
        ("2026-11-28", "date", "2026-11-28"),
        ("20261128", "date", "2026-11-28"),
        ("2026-11-28T10:11:12.3456789", "datetime2", "2026-11-28T10:11:12.3456789"),
        ("2026-11-28 10:11:12.3456789", "datetime2(3)", "2026-11-28T10:11:12.346"),
        ("2026-12-31T23:59:59.9999", "datetime2(3)", "2027-01-01T00:00:00.000"),
        ("2026-11-28T10:11:12", "datetime2(0)", "2026-11-28T10:11:12"),
        ("2026-11-28T10:11:12.001", "datetime", "2026-11-28T10:11:12.000"),
        ("2026-11-28T10:11:12.002", "datetime", "2026-11-28T10:11:12.003"),
        ("2026-11-28T10:11:12.008", "datetime", "2026-11-28T10:11:12.007"),
        ("2026-11-28T10:11:12.999", "datetime", "2026-11-28T10:11:13.000"),
        ("2026-11-28T10:11:30", "smalldatetime", "2026-11-28T10:12:00"),
        ("10:11", "time", "10:11:00.0000000"),
        ("10:11", "datetime", "1900-01-01T10:11:00.000"),
        ("2026-11-28T10:11:12+10:00", "datetimeoffset(0)", "2026-11-28T10:11:12+10:00"),
        ("2026-11-28T10:11:12Z", "datetimeoffset(0)", "2026-11-28T10:11:12+00:00"),
    ],
)
def test_date_or_time_is_stored(text: str, name: str, stored: str) -> None:
    assert read_temporal(text, parse_type(name)) == stored


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("", "date"),
        ("x", "date"),
        ("2026-02-30", "date"),
        ("1752-12-31", "datetime"),
        ("1899-12-31", "smalldatetime"),
        ("25:00", "time"),
        ("9999-12-31T23:59:59.9999", "datetime2(0)"),
    ],
)
def test_other_text_is_refused(text: str, name: str) -> None:
    target = parse_type(name)
    with pytest.raises((ValueError, OverflowError)):
        read_temporal(text, target)


def test_type_without_digits_of_a_second() -> None:
    assert read_temporal("10:11:12.5", DataType("time", 0, 0)) == "10:11:13"
