"""Waiting times in Retry-After and in error texts."""

from datetime import timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.dialects import NOW

from gateway.upstreams.retry_after import WaitLimits, retry_after_seconds

DAY, LIMITS = 86_400, WaitLimits(header=86_400, text=20_000)


@pytest.mark.parametrize(
    ("header", "text", "seconds"),
    [
        ("30", "", 30),
        (" 30 ", "", 30),
        ("0", "", 1),
        ("1.2", "", 2),
        ("999999999", "", DAY),
        ("9999999999", "", DAY),
        ("9" * 5_000, "", DAY),
        ("0" * 20 + "30", "", 30),
        (format_datetime(NOW + timedelta(seconds=90), usegmt=True), "", 90),
        ("Sun, 01 Mar 2026 09:01:00 -0000", "", 60),
        ("Sun, 01 Mar 2020 09:00:00 GMT", "", 1),
        ("soon", "", None),
        ("Sun, 99 Mar 2026 99:00:00 GMT", "", None),
        ("-5", "", None),
        ("", "", None),
        ("", "Rate limit is exceeded. Try again in 17 seconds.", 17),
        ("", "Please retry after 2 minutes", 120),
        ("", "Quota will be replenished in 00:00:00.", 1),
        ("", "Quota will be replenished in 05:12:33.", 18_753),
        ("", "Quota will be replenished in 1.05:00:00.", 20_000),
        ("", "Try again in 24 hours.", 20_000),
        ("Thu, 01 Jan 2099 00:00:00 GMT", "", DAY),
        ("5", "Try again in 17 seconds", 5),
        ("", "Query took more than 30 seconds to return a result", None),
        ("", "300 Requests per rolling 5 minute window", 5),
        ("7", "300 Requests per rolling 5 minute window", 7),
        ("", "Requests per rolling 999 hour window", 20_000),
        ("", "a 5 minute window", None),
    ],
)
def test_wait_is_parsed_from_header_or_text(header: str, text: str, seconds: int | None) -> None:
    assert retry_after_seconds(header, text, NOW, LIMITS) == seconds


@given(st.text(max_size=60), st.text(max_size=60))
def test_any_text_gives_seconds_in_range_or_none(header: str, text: str) -> None:
    seconds = retry_after_seconds(header, text, NOW, LIMITS)
    assert seconds is None or 1 <= seconds <= DAY


def test_words_count_as_long_as_the_advice_of_the_kind() -> None:
    assert [WaitLimits(text=300).for_kind(own).text for own in (None, 60, 3_600)] == [300, 300, 3_600]
