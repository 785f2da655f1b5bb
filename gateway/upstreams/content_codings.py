"""Content codings of responses: undoes gzip and deflate, and refuses all others (RFC 9110 section 8.4.1)."""

import asyncio
import zlib
from collections.abc import Iterable

import httpx

from gateway.errors import catalog

_GZIP_NAMES = frozenset({"gzip", "x-gzip"})
#: Bytes that are decompressed on the event loop, and the size from which bytes are joined in a thread.
PIECE_BYTES = 256 * 1024
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

    Raises ContentCodingError for a coding that cannot be undone, DecodingError for more than `max_size`
    bytes, and ReadError for a file of gzip or deflate that is damaged.
    """
    if not body or not codings:
        return body
    (coding, *others) = codings
    if others or coding not in {*_GZIP_NAMES, "deflate"}:
        raise ContentCodingError("the response has an unknown content coding")
    decompressor = zlib.decompressobj(_window_bits(coding, body))
    first = _decompress(decompressor, body, min(PIECE_BYTES, max_size + 1), coding)
    rest = decompressor.unconsumed_tail
    if rest and len(first) <= max_size:
        first += await asyncio.to_thread(_decompress, decompressor, rest, max_size + 1 - len(first), coding)
    if len(first) > max_size:
        raise httpx.DecodingError("the response is larger than upstream.max_body")
    if not decompressor.eof or decompressor.unused_data:
        raise _damage(coding)
    return first


def _window_bits(coding: str, body: bytes) -> int:
    if coding in _GZIP_NAMES:
        return 16 + zlib.MAX_WBITS
    return zlib.MAX_WBITS if body[0] & 0xF == _ZLIB_METHOD else -zlib.MAX_WBITS


def _decompress(decompressor: "zlib._Decompress", data: bytes, max_size: int, coding: str) -> bytes:
    try:
        return decompressor.decompress(data, max_size)
    except zlib.error:
        raise _damage(coding) from None


def _damage(coding: str) -> httpx.TransportError | ContentCodingError:
    """Return the error of a damaged file: by `gzip` and `deflate` that is a broken body."""
    if coding == "x-gzip":
        return ContentCodingError("the response is no whole gzip file")
    return httpx.ReadError(f"{catalog.UPSTREAM_RESET.code} body-incomplete")
