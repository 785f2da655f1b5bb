"""Encoding and expiry of page tokens."""

import zlib
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from gateway.exchange import START, Position
from gateway.paging.page_token import decode, encode, page_token_for

NOW = datetime(2026, 7, 1, 2, 0, 0, 500_000, tzinfo=UTC)
LATER = NOW + timedelta(hours=24)
TOKEN = page_token_for(
    "Patient", "name=a&_count=2", NOW, LATER, Position(1, "/Patient?p=2", needs_filter=True)
)


def test_decoded_token_has_its_position_and_time_in_seconds() -> None:
    token = decode(encode(TOKEN))
    assert token == TOKEN
    assert (token.position, token.received_at) == (
        Position(1, "/Patient?p=2", needs_filter=True),
        NOW.replace(microsecond=0),
    )
    assert page_token_for("Patient", "", NOW, LATER, START).position == START


@pytest.mark.parametrize("length", [0, 1_500, 2_500, 60_000])
def test_token_of_any_length_is_decoded_and_compressed(length: int) -> None:
    query = "x" * length
    data = encode(page_token_for("Patient", query, NOW, NOW, START))
    assert decode(data).query == query
    assert len(data) < 200


@pytest.mark.parametrize("length", range(60, 140, 8))
def test_short_token_is_hardly_longer_than_its_content(length: int) -> None:
    """Its form is that of a compressed token, which an older gateway decodes, too."""
    token = page_token_for("Patient", "x" * length, NOW, NOW, START)
    content = msgspec.msgpack.encode(token)
    assert len(encode(token)) <= len(content) + 11
    assert zlib.decompress(encode(token)) == content


def test_token_expires_after_its_lifetime() -> None:
    assert not TOKEN.is_expired(LATER.replace(microsecond=0))
    assert TOKEN.is_expired(LATER + timedelta(seconds=1))


@pytest.mark.parametrize("data", [b"", b"x", zlib.compress(b"\x93\x01"), zlib.compress(b"\xc1")])
def test_invalid_data_is_a_value_error(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"(?i)error"):
        decode(data)
