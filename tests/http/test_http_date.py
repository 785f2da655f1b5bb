"""Dates of header fields."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.http.http_date import parse_http_date


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Sun, 06 Nov 1994 08:49:37 GMT", datetime(1994, 11, 6, 8, 49, 37, tzinfo=UTC)),
        ("Sun, 06 Nov 1994 08:49:37 -0000", datetime(1994, 11, 6, 8, 49, 37, tzinfo=UTC)),
        ("", None),
        ("0", None),
        ("Mon, 01 Jan 2020 00:00:00 +99999999999", None),
        ("Mon, 01 Jan 99999999999 00:00:00 GMT", None),
    ],
)
def test_date_is_parsed_or_none(text: str, expected: datetime | None) -> None:
    assert parse_http_date(text) == expected


@given(st.text(max_size=40) | st.from_regex(r"Mon, \d+ Jan \d+ \d+:\d+:\d+ [+-]?\w+", fullmatch=True))
def test_any_text_is_a_comparable_time_or_none(text: str) -> None:
    date = parse_http_date(text)
    assert date is None or abs(date - datetime(2026, 1, 1, tzinfo=UTC)) >= timedelta(0)
