"""Transport without a proxy: request heads, and the responses that it builds."""

import asyncio
import gzip

import httpx
import pytest
from support.exact_upstream import OK, direct_transport, exact_upstream, responding, send

from gateway.upstreams.lazy_messages import LazyRequest

pytestmark = pytest.mark.anyio


@pytest.fixture(params=[False, True], ids=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, bool]]:
    """Run every test on both event loops: their errors and their closing of connections differ."""
    return "asyncio", {"use_uvloop": request.param}


@pytest.mark.parametrize(
    ("method", "path", "value"),
    [
        ("GET", "/x", "a\r\nX-Other: b"),
        ("GET", "/x", "a\nb"),
        ("GET", "/x", "a\rb"),
        ("GET", "/x", "a\0b"),
        ("GET", "/x HTTP/1.1\r\nX-Other: b\r\n\r\n", "a"),
        ("GET", "/x y", "a"),
        ("GET /other", "/x", "a"),
        ("GET\r\n", "/x", "a"),
    ],
)
async def test_head_with_another_line_is_never_written(method: str, path: str, value: str) -> None:
    async with exact_upstream(OK) as upstream, direct_transport() as transport:
        request = LazyRequest(method, upstream.url + path, (("host", "h"), ("x-a", value)), b"", {})
        with pytest.raises(httpx.InvalidURL):
            await transport.handle_async_request(request)
        assert (upstream.connections, upstream.heads) == (0, [])


async def test_head_outside_ascii_is_never_written() -> None:
    async with exact_upstream(OK) as upstream, direct_transport() as transport:
        request = LazyRequest("GET", upstream.url + "/x", (("x-a", "ü"),), b"", {})
        with pytest.raises(UnicodeError):
            await transport.handle_async_request(request)
        assert upstream.connections == 0


async def test_lazy_request_is_written_byte_for_byte() -> None:
    async with exact_upstream(OK) as upstream, direct_transport() as transport:
        fields = (("host", "h.example"), ("a", "1"), ("a", "2"))
        url = upstream.url + '/a%2Fb?c="|{}\\'
        await transport.handle_async_request(LazyRequest("GET", url, fields, b"", {}))
        assert upstream.heads == [b'GET /a%2Fb?c="|{}\\ HTTP/1.1\r\nhost: h.example\r\na: 1\r\na: 2\r\n\r\n']


@pytest.mark.parametrize("url", ["ftp://h.example/x", "http://u:p@h.example/x", "http:///x"])
async def test_url_of_no_http_origin_is_not_sent(url: str) -> None:
    async with direct_transport() as transport:
        with pytest.raises(httpx.UnsupportedProtocol):
            await transport.handle_async_request(LazyRequest("GET", url, (), b"", {}))


async def test_fields_of_the_compressed_body_are_removed() -> None:
    body = gzip.compress(b"{}", mtime=0)
    head = b"HTTP/1.1 200 OK\r\nA: 1\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body)
    async with exact_upstream(head + body) as upstream, direct_transport() as transport:
        response = await transport.handle_async_request(httpx.Request("GET", upstream.url))
        assert (response.headers.raw, response.content) == ([(b"A", b"1")], b"{}")


async def test_large_bodies_pass_in_both_directions() -> None:
    body = bytes(range(256)) * 20_000

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        await asyncio.sleep(0.05)
        content = await reader.readexactly(len(body))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(content) + content)

    async with exact_upstream(echo) as upstream, direct_transport() as transport:
        for _ in range(2):
            request = httpx.Request("POST", upstream.url, content=body)
            assert (await transport.handle_async_request(request)).content == body
        assert upstream.connections == 1


async def test_response_to_head_has_no_body() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"
    async with exact_upstream(responding(head)) as upstream, direct_transport() as transport:
        assert await send(transport, upstream.url, "HEAD") == "200 "
