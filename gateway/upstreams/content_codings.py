"""Content codings of responses: undoes gzip and deflate, and refuses all others (RFC 9110 section 8.4.1)."""

import asyncio
import zlib
from collections.abc import Generator, Iterable, Iterator

import httpx

from gateway.errors import catalog

_GZIP_NAMES = frozenset({"gzip", "x-gzip"})
#: Bytes that are decompressed on the event loop, and the size from which bytes are joined in a thread.
PIECE_BYTES = 256 * 1024
#: Maximum bytes of a piece, unpacked and packed, and the number of pieces unpacked on the event loop.
_UNPACKED_BYTES, _PACKED_BYTES = PIECE_BYTES // 8, 16 * 1024
_LOOP_PIECES = 8
_GZIP_MAGIC = b"\x1f\x8b"
#: Maximum number of members: each costs a copy of up to _PACKED_BYTES. Files of bgzip have one per 64 kB.
MAX_MEMBERS = 10_000
#: The four low bits of a zlib file (RFC 1950 section 2.2); some servers send a bare deflate stream instead.
_ZLIB_METHOD = 8


class ContentCodingError(httpx.DecodingError):
    """The content coding of a response cannot be undone."""


def content_codings(values: Iterable[bytes]) -> list[str]:
    """Return the names in fields Content-Encoding, in lower case and in order, without `identity`."""
    names = (name.strip() for name in b",".join(values).decode("latin-1").lower().split(","))
    return [name for name in names if name not in {"", "identity"}]


async def undo_codings(body: bytes, codings: list[str], max_size: int) -> bytes:
    """Return a body without its content codings; the larger part of a large one is decompressed in a thread.

    Raises ContentCodingError for a coding that cannot be undone and for bytes behind the file, DecodingError
    for more than `max_size` bytes, and ReadError for a file of gzip or deflate that is damaged.
    """
    if not body or not codings:
        return body
    (coding, *others) = codings
    if others or coding not in {*_GZIP_NAMES, "deflate"}:
        raise ContentCodingError("the response has an unknown content coding")
    pieces, parts = _unpack(body, coding), list[bytes]()
    if _add_pieces(pieces, parts, max_size, _LOOP_PIECES):
        return b"".join(parts)
    return await asyncio.to_thread(_join_all, pieces, parts, max_size)


def _join_all(pieces: Iterator[bytes], parts: list[bytes], max_size: int) -> bytes:
    _add_pieces(pieces, parts, max_size)
    return b"".join(parts)


def _add_pieces(
    pieces: Iterator[bytes], parts: list[bytes], max_size: int, max_pieces: int | None = None
) -> bool:
    """Add some pieces, or all, to `parts`; return whether there are no more. Raises DecodingError."""
    size = sum(map(len, parts))
    for count, piece in enumerate(pieces, 1):
        parts.append(piece)
        size += len(piece)
        if size > max_size:
            raise httpx.DecodingError("the response is larger than upstream.max_body")
        if count == max_pieces:
            return False
    return True


def _unpack(body: bytes, coding: str) -> Iterator[bytes]:
    """Yield unpacked pieces. A gzip file may have several members (RFC 1952 section 2.2)."""
    position = members = 0
    while position < len(body):
        is_member = coding in _GZIP_NAMES and body.startswith(_GZIP_MAGIC, position)
        if members and not (is_member and members < MAX_MEMBERS):
            raise ContentCodingError(f"bytes that are not {coding} follow the end of the file")
        members += 1
        position = yield from _unpack_member(body, position, coding)


def _unpack_member(body: bytes, position: int, coding: str) -> Generator[bytes, None, int]:
    """Yield unpacked pieces, and return where the member ends."""
    decompressor, view = zlib.decompressobj(_window_bits(coding, body)), memoryview(body)
    while not decompressor.eof:
        data: bytes | memoryview = decompressor.unconsumed_tail
        if not data:
            data = view[position : position + _PACKED_BYTES]
            position += len(data)
        piece = _decompress(decompressor, data, coding)
        if not data and not piece:
            raise _damage(coding)
        yield piece
    return position - len(decompressor.unused_data)


def _window_bits(coding: str, body: bytes) -> int:
    if coding in _GZIP_NAMES:
        return 16 + zlib.MAX_WBITS
    return zlib.MAX_WBITS if body[0] & 0xF == _ZLIB_METHOD else -zlib.MAX_WBITS


def _decompress(decompressor: "zlib._Decompress", data: bytes | memoryview, coding: str) -> bytes:
    try:
        return decompressor.decompress(data, _UNPACKED_BYTES)
    except zlib.error:
        raise _damage(coding) from None


def _damage(coding: str) -> httpx.TransportError | ContentCodingError:
    """Return the error of a damaged file: by `gzip` and `deflate` that is a broken body."""
    if coding == "x-gzip":
        return ContentCodingError("the response is no whole gzip file")
    return httpx.ReadError(f"{catalog.UPSTREAM_RESET.code} body-incomplete")
