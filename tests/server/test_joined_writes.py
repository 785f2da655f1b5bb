"""Joined writes of a response's head and body."""

from asyncio import Transport
from typing import cast

import pytest

from gateway.server.joined_writes import JoinedWrites

HEAD = b"HTTP/1.1 200 OK\r\n\r\n"


class RecordingTransport:
    """Records what is written, one item for each write."""

    def __init__(self) -> None:
        self.writes: list[bytes] = []
        self.is_closed = False

    def write(self, data: bytes) -> None:
        self.writes.append(data)

    def is_closing(self) -> bool:
        return self.is_closed

    def close(self) -> None:
        self.is_closed = True


def written(*pieces: bytes) -> list[bytes]:
    """Return the writes of a response with these pieces."""
    transport = RecordingTransport()
    joined = JoinedWrites(cast(Transport, transport))
    for piece in pieces:
        joined.write(piece)
    return transport.writes


@pytest.mark.parametrize("body", [b"", b"x", b"x" * 65_535])
def test_head_and_body_are_one_write(body: bytes) -> None:
    assert written(HEAD, body) == [HEAD + body]


def test_large_body_is_not_copied() -> None:
    body = b"x" * 65_536
    assert written(HEAD, body) == [HEAD, body]


def test_later_pieces_are_written_as_they_come() -> None:
    assert written(HEAD, b"a", b"b", b"HTTP/1.1 100 ") == [HEAD + b"a", b"b", b"HTTP/1.1 100 "]


def test_interim_response_is_written_at_once() -> None:
    interim = b"HTTP/1.1 100 Continue\r\n\r\n"
    assert written(interim) == [interim]
    assert written(interim, HEAD, b"a") == [interim, HEAD + b"a"]


def test_close_writes_a_head_without_body() -> None:
    transport = RecordingTransport()
    joined = JoinedWrites(cast(Transport, transport))
    joined.write(HEAD)
    assert transport.writes == []
    joined.close()
    assert (transport.writes, joined.is_closing()) == ([HEAD], True)
