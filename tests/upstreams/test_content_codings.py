"""Content codings of responses: undone with a bound, and all others refused."""

import asyncio
import gzip
import threading
import tracemalloc
import zlib
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from gateway.upstreams.content_codings import (
    MAX_MEMBERS,
    PIECE_BYTES,
    ContentCodingError,
    content_codings,
    undo_codings,
)

pytestmark = pytest.mark.anyio

TEXT = b'{"resourceType":"Patient"}'
BARE = zlib.compressobj(wbits=-zlib.MAX_WBITS)
DEFLATED = BARE.compress(TEXT) + BARE.flush()
#: A time in a file would give the tests other names in each process.
GZIP = gzip.compress(TEXT, mtime=0)


@pytest.mark.parametrize(
    ("coding", "body"),
    [("gzip", GZIP), ("x-gzip", GZIP), ("deflate", zlib.compress(TEXT)), ("deflate", DEFLATED)],
)
async def test_gzip_and_deflate_are_undone(coding: str, body: bytes) -> None:
    assert await undo_codings(body, [coding], len(TEXT)) == TEXT


@pytest.mark.parametrize("coding", ["gzip", "x-gzip", "deflate"])
async def test_damaged_file_is_an_error(coding: str) -> None:
    whole = zlib.compress(TEXT) if coding == "deflate" else GZIP
    for body in (b"no file", whole[:-4]):
        with pytest.raises((httpx.ReadError, ContentCodingError)) as raised:
            await undo_codings(body, [coding], 1_000)
        assert isinstance(raised.value, ContentCodingError) == (coding == "x-gzip")


@pytest.mark.parametrize("coding", ["gzip", "x-gzip", "deflate"])
async def test_bytes_behind_the_file_are_refused(coding: str) -> None:
    whole = zlib.compress(TEXT) if coding == "deflate" else GZIP
    behind = [b"x", b"\0", TEXT, whole if coding == "deflate" else GZIP + b"x"]
    for body in (whole + more for more in behind):
        with pytest.raises(ContentCodingError, match=coding):
            await undo_codings(body, [coding], 1_000)


@pytest.mark.parametrize("coding", ["gzip", "x-gzip"])
@pytest.mark.parametrize("size", [1, PIECE_BYTES])
async def test_members_of_a_gzip_file_follow_each_other(coding: str, size: int) -> None:
    parts = [b"a" * size, b"", bytes(range(256)) * 100, b"b"]
    body = b"".join(gzip.compress(part, mtime=0) for part in parts)
    whole = b"".join(parts)
    assert await undo_codings(body, [coding], len(whole)) == whole
    with pytest.raises(httpx.DecodingError):
        await undo_codings(body, [coding], len(whole) - 1)
    with pytest.raises((httpx.ReadError, ContentCodingError)):
        await undo_codings(body[:-1], [coding], len(whole))


async def test_number_of_members_is_limited() -> None:
    member = gzip.compress(b"", mtime=0)
    assert await undo_codings(member * MAX_MEMBERS, ["gzip"], 1) == b""
    with pytest.raises(ContentCodingError):
        await undo_codings(member * (MAX_MEMBERS + 1), ["gzip"], 1)


async def test_refused_body_needs_no_more_memory_than_its_limit() -> None:
    body = gzip.compress(b"x" * 8_000_000, mtime=0)
    tracemalloc.start()
    with pytest.raises(httpx.DecodingError):
        await undo_codings(body, ["gzip"], 4_000_000)
    assert tracemalloc.get_traced_memory()[1] < 4_500_000
    tracemalloc.stop()


@pytest.mark.parametrize("codings", [["br"], ["zstd"], ["compress"], ["gzip", "gzip"]])
async def test_other_codings_are_refused(codings: list[str]) -> None:
    with pytest.raises(ContentCodingError):
        await undo_codings(GZIP, codings, 1_000)
    assert await undo_codings(b"", codings, 1_000) == b""


async def test_body_without_coding_is_the_same_object() -> None:
    assert await undo_codings(TEXT, [], 1) is TEXT


@pytest.mark.parametrize("size", [100, PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1, 3 * PIECE_BYTES])
async def test_decompressed_size_is_bounded_exactly(size: int) -> None:
    body = gzip.compress(b"x" * size, mtime=0)
    assert await undo_codings(body, ["gzip"], size) == b"x" * size
    with pytest.raises(httpx.DecodingError) as raised:
        await undo_codings(body, ["gzip"], size - 1)
    assert not isinstance(raised.value, ContentCodingError)


@pytest.mark.parametrize(("size", "threads"), [(PIECE_BYTES // 2, 0), (PIECE_BYTES * 2, 1)])
async def test_large_body_is_decompressed_in_a_thread(size: int, threads: int) -> None:
    before = threading.active_count()
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
    await undo_codings(gzip.compress(b"x" * size, mtime=0), ["gzip"], size)
    assert threading.active_count() - before == threads


def test_names_are_read_in_order_and_without_identity() -> None:
    assert content_codings([b"GZip , identity", b"br,"]) == ["gzip", "br"]
    assert content_codings([]) == []
