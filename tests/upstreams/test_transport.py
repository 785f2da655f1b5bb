"""The connection pool against a server that sends the very bytes each test wants."""

import asyncio
import gzip
import socket
import struct
from collections.abc import Awaitable, Callable

import httpx
import pytest

from gateway.upstreams.transport import PooledTransport

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter, bytes], Awaitable[None]]
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Server:
    """Speaks one answer to every request; counts requests and connections, keeps the heads."""

    def __init__(self, serve: Serve) -> None:
        self._serve = serve
        self.heads: list[bytes] = []
        self.connections = 0
        self.url = ""

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                self.heads.append(head)
                await self._serve(reader, writer, head)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


def saying(answer: bytes) -> Serve:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: bytes) -> None:
        writer.write(answer)

    return serve


async def resetting(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: bytes) -> None:
    connection = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: bytes) -> None:
    await reader.read()


async def dripping(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: bytes) -> None:
    """A body that keeps coming and never ends."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    while not writer.is_closing():
        writer.write(b"x")
        await asyncio.sleep(0.02)


def transport(**parts: int) -> PooledTransport:
    return PooledTransport(
        limits=httpx.Limits(max_connections=2, keepalive_expiry=5),
        timeout=httpx.Timeout(0.2, connect=1),
        max_body=parts.get("max_body", 1_000),
        total_timeout=1,
    )


def exchanges(server: Server, *requests: tuple[str, str, bytes], **parts: int) -> list[httpx.Response | str]:
    """The answer to each request in turn, or the name of the exception."""

    async def all_of_them() -> list[httpx.Response | str]:
        listening = await asyncio.start_server(server, "127.0.0.1", 0)
        server.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
        pool, found = transport(**parts), list[httpx.Response | str]()
        for method, path, content in requests:
            request = httpx.Request(method, server.url + path, content=content)
            try:
                found.append(await pool.handle_async_request(request))
            except httpx.TransportError as problem:
                found.append(type(problem).__name__)
        await pool.aclose()
        listening.close()
        return found

    return asyncio.run(all_of_them())


def one(serve: Serve, method: str = "GET", content: bytes = b"", **parts: int) -> httpx.Response | str:
    (found,) = exchanges(Server(serve), (method, "/x", content), **parts)
    return found


@pytest.mark.parametrize(
    ("serve", "problem"),
    [
        (resetting, "ReadError"),
        (silent, "ReadTimeout"),
        (saying(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"), "ReadTimeout"),
        (saying(b"no HTTP at all\r\n\r\n"), "ReadError"),
        (saying(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\nno"), "ReadError"),
        (
            saying(b"HTTP/1.1 200 OK\r\nX-A: " + b"a" * 100_000 + b"\r\nContent-Length: 2\r\n\r\nok"),
            "ReadError",
        ),
        (
            saying(b"HTTP/1.1 200 OK\r\n" + b"X-A: 1\r\n" * 1_000 + b"Content-Length: 2\r\n\r\nok"),
            "ReadError",
        ),
        (dripping, "ReadTimeout"),
    ],
)
def test_every_way_to_lose_an_answer_is_one_of_httpx(serve: Serve, problem: str) -> None:
    assert one(serve) == problem


def test_a_body_that_ends_early_is_an_error_and_no_shorter_body() -> None:
    async def cut(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: bytes) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n1234")
        writer.close()

    assert one(cut) == "ReadError"


def test_a_port_where_nobody_listens_means_that_nothing_was_sent() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"

    async def ask() -> None:
        pool = transport()
        try:
            await pool.handle_async_request(httpx.Request("PUT", url))
        finally:
            await pool.aclose()

    with pytest.raises(httpx.ConnectError):
        asyncio.run(ask())


@pytest.mark.parametrize("method", ["PUT", "POST", "DELETE", "GET"])
def test_nothing_is_sent_twice_when_a_kept_connection_breaks(method: str) -> None:
    async def then_reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: bytes) -> None:
        await (resetting if b"/second" in head else saying(OK))(reader, writer, head)

    server = Server(then_reset)
    first, second = exchanges(server, ("GET", "/first", b""), (method, "/second", b""))
    assert isinstance(first, httpx.Response)
    assert second == "ReadError"
    assert (len(server.heads), server.connections) == (2, 1)


def test_connections_are_kept() -> None:
    server = Server(saying(OK))
    exchanges(server, *[("GET", "/x", b"")] * 5)
    assert (len(server.heads), server.connections) == (5, 1)


def test_a_packed_answer_comes_unpacked() -> None:
    body = gzip.compress(b'{"resourceType":"Patient"}')
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body)
    found = one(saying(head + body))
    assert isinstance(found, httpx.Response)
    assert asyncio.run(found.aread()) == b'{"resourceType":"Patient"}'


def test_no_more_than_the_limit_is_unpacked() -> None:
    body = gzip.compress(b" " * 10_000_000)
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body)

    async def ask() -> None:
        listening = await asyncio.start_server(Server(saying(head + body)), "127.0.0.1", 0)
        pool = transport(max_body=5_000)
        port = listening.sockets[0].getsockname()[1]
        try:
            await pool.handle_async_request(httpx.Request("GET", f"http://127.0.0.1:{port}"))
        finally:
            await pool.aclose()
            listening.close()

    with pytest.raises(httpx.DecodingError):
        asyncio.run(ask())


def test_the_url_goes_out_as_it_is() -> None:
    server = Server(saying(OK))
    exchanges(server, ("GET", "/a%2Fb?name=%c3%a9%20x&d=ge2020|1+2", b""))
    assert server.heads[0].startswith(b"GET /a%2Fb?name=%c3%a9%20x&d=ge2020|1+2 HTTP/1.1\r\n")


def test_nothing_is_added_to_a_request_but_its_host() -> None:
    server = Server(saying(OK))
    exchanges(server, ("GET", "/x", b""))
    names = {line.split(b":")[0].lower() for line in server.heads[0].split(b"\r\n")[1:] if line}
    assert names <= {b"host", b"connection"}


@pytest.mark.parametrize("status", [301, 302, 307, 401, 407])
def test_redirects_and_logins_are_not_followed(status: int) -> None:
    where = b"Location: /elsewhere\r\nWWW-Authenticate: Basic\r\nProxy-Authenticate: Basic\r\n"
    server = Server(saying(b"HTTP/1.1 %d X\r\n%bContent-Length: 0\r\n\r\n" % (status, where)))
    (found,) = exchanges(server, ("GET", "/x", b""))
    assert isinstance(found, httpx.Response)
    assert (found.status_code, len(server.heads)) == (status, 1)


def test_cookies_are_not_kept() -> None:
    server = Server(saying(b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\nContent-Length: 0\r\n\r\n"))
    exchanges(server, ("GET", "/x", b""), ("GET", "/x", b""))
    assert b"cookie" not in server.heads[1].lower()
