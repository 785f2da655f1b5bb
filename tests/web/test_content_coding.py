"""Content codings of request bodies."""

import gzip
import zlib

import pytest
from starlette.requests import Request
from starlette.types import Receive, Scope, Send
from support.asgi import asgi_request

from gateway.errors import catalog
from gateway.errors.failure import Failure
from gateway.web.content_coding import RequestDecompression, content_codings

pytestmark = pytest.mark.anyio
BODY = b'{"resourceType":"Patient"}' * 5_000


async def pieces_of(body: bytes, coding: str, size: int = 1_000) -> tuple[list[bytes], dict[str, str]]:
    """Pieces that the application receives, and the header fields that it sees."""
    pieces, fields = list[bytes](), dict[str, str]()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        del send
        request = Request(scope, receive)
        fields.update(request.headers)
        pieces.extend([piece async for piece in request.stream()])

    cut = tuple(body[start : start + size] for start in range(0, len(body), size)) or (b"",)
    request = asgi_request("/", {"content-encoding": coding}, method="POST", pieces=cut)
    await RequestDecompression(app)(request.scope, request.receive, _no_response)
    return pieces, fields


async def _no_response(_: object) -> None:
    raise AssertionError


@pytest.mark.parametrize("size", [1, 7, 1_000, 10**6])
@pytest.mark.parametrize("coding", ["gzip", "GZip", "x-gzip", "identity, gzip"])
async def test_gzip_body_is_unpacked(coding: str, size: int) -> None:
    pieces, fields = await pieces_of(gzip.compress(BODY, mtime=0), coding, size)
    assert b"".join(pieces) == BODY
    assert "content-encoding" not in fields


@pytest.mark.parametrize(("path", "is_unread"), [("/itsm/x", True), ("/itsmx", False), ("/x/itsm/", False)])
@pytest.mark.parametrize("coding", ["gzip", "br"])
async def test_body_below_an_unread_path_keeps_its_coding(path: str, is_unread: bool, coding: str) -> None:
    codings = list[str | None]()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        del receive, send
        codings.append(Request(scope).headers.get("content-encoding"))

    request = asgi_request(path, {"content-encoding": coding}, method="POST")
    await RequestDecompression(app, ("/itsm/",))(request.scope, request.receive, _no_response)
    assert codings == [coding if is_unread else None]


async def test_identity_body_is_unchanged() -> None:
    pieces, fields = await pieces_of(BODY, "identity")
    assert (b"".join(pieces), "content-encoding" in fields) == (BODY, False)


@pytest.mark.parametrize("length", [0, 1, 63_999, 64_000, 64_001, 128_000, 64_000 * 1_500])
async def test_a_piece_has_a_limited_size(length: int) -> None:
    pieces, _ = await pieces_of(gzip.compress(bytes(length)), "gzip")
    assert sum(map(len, pieces)) == length
    assert max(map(len, pieces), default=0) <= 64_000


@pytest.mark.parametrize("coding", ["deflate", "br", "gzip, gzip", "aws-chunked"])
async def test_other_coding_is_refused(coding: str) -> None:
    with pytest.raises(Failure) as raised:
        await pieces_of(BODY, coding)
    assert raised.value.kind is catalog.MEDIA_TYPE_UNSUPPORTED
    assert raised.value.headers == (("accept-encoding", "gzip"),)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        BODY,
        zlib.compress(BODY),
        gzip.compress(BODY, mtime=0)[:-1],
        gzip.compress(BODY, mtime=0) + b"x",
        gzip.compress(b"", mtime=0) * 2,
        gzip.compress(BODY, mtime=0)[:-8] + bytes(8),
    ],
)
async def test_other_than_one_whole_file_is_refused(body: bytes) -> None:
    with pytest.raises(Failure) as raised:
        await pieces_of(body, "gzip")
    assert raised.value.kind is catalog.BODY_UNREADABLE


def test_codings_of_repeated_fields_are_joined() -> None:
    request = asgi_request("/", {"content-encoding": "identity, GZIP ,"})
    assert content_codings(request) == ("gzip",)
