import zlib
from datetime import UTC, datetime, timedelta

import pytest

from gateway.exchange import START, Position
from gateway.paging.page_token import decode, encode, page_token_for

NOW = datetime(2026, 7, 1, 2, 0, 0, 500_000, tzinfo=UTC)
LATER = NOW + timedelta(hours=24)
PAGE = page_token_for(
    "Patient", "name=a&_count=2", NOW, LATER, Position(1, "/Patient?p=2", needs_filter=True)
)


def test_a_page_is_remembered_to_the_second() -> None:
    again = decode(encode(PAGE))
    assert again == PAGE
    assert (again.position, again.received_at) == (
        Position(1, "/Patient?p=2", needs_filter=True),
        NOW.replace(microsecond=0),
    )
    assert page_token_for("Patient", "", NOW, LATER, START).position == START


def test_it_expires_after_its_time_and_not_before() -> None:
    assert not PAGE.is_expired(LATER.replace(microsecond=0))
    assert PAGE.is_expired(LATER + timedelta(seconds=1))


@pytest.mark.parametrize("data", [b"", b"x", zlib.compress(b"\x93\x01"), zlib.compress(b"\xc1")])
def test_what_is_no_page_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"(?i)error"):
        decode(data)
