"""Connection pool against a server that sends the exact bytes of each test."""

import asyncio
import gzip
import socket
import struct
from collections.abc import Awaitable, Callable

import httpx
import pytest

from gateway.upstreams.direct_transport import DirectTransport
from gateway.upstreams.transport import PooledTransport

pytestmark = pytest.mark.anyio

Transport = DirectTransport | PooledTransport
_transport_type: type[Transport] = DirectTransport


@pytest.fixture(params=[False, True], ids=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, bool]]:
    """Run every test on both event loops: their errors and their closing of connections differ."""
    return "asyncio", {"use_uvloop": request.param}


@pytest.fixture(autouse=True, params=[DirectTransport, PooledTransport], ids=["direct", "aiohttp"])
def choose_transport(request: pytest.FixtureRequest) -> None:
    """Run every test with each transport."""
    global _transport_type  # noqa: PLW0603 - the parameter of the whole module
    _transport_type = request.param


Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter, bytes], Awaitable[None]]
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Server:
    """Responds to every request by a function; records the heads of requests and counts connections."""

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


def respond_with(response: bytes) -> Serve:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: bytes) -> None:
        writer.write(response)

    return serve


async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: bytes) -> None:
    connection = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def never_respond(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: bytes) -> None:
    await reader.read()


async def send_endless_body(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: bytes) -> None:
    """Send a body that never ends."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    while not writer.is_closing():
        writer.write(b"x")
        await asyncio.sleep(0.02)


#: Seconds for what must arrive: a busy machine may stop the test for some of them.
PATIENCE = 20
#: Seconds for what never arrives.
SHORT = httpx.Timeout(0.2, connect=PATIENCE)


def transport(
    max_body: int | None = 1_000,
    timeout: httpx.Timeout = httpx.Timeout(PATIENCE),  # noqa: B008 - nothing changes it
    total_timeout: float = PATIENCE,
) -> Transport:
    limits = httpx.Limits(max_connections=2, keepalive_expiry=PATIENCE)
    return _transport_type(limits=limits, timeout=timeout, max_body=max_body, total_timeout=total_timeout)


async def send_all(
    server: Server, *requests: tuple[str, str, bytes], pool: Transport | None = None
) -> list[httpx.Response | str]:
    """Send requests in sequence; each response, or the name of its exception."""
    listener = await asyncio.start_server(server, "127.0.0.1", 0)
    server.url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    pool = pool or transport()
    try:
        return [
            await _send(pool, httpx.Request(method, server.url + path, content=content))
            for method, path, content in requests
        ]
    finally:  # without it, the loop of a test that fails waits for its server without end
        await pool.aclose()
        listener.close()


async def _send(pool: Transport, request: httpx.Request) -> httpx.Response | str:
    try:
        return await pool.handle_async_request(request)
    except httpx.RequestError as error:
        return type(error).__name__


async def send_one(serve: Serve, pool: Transport | None = None) -> httpx.Response | str:
    (result,) = await send_all(Server(serve), ("GET", "/x", b""), pool=pool)
    return result


async def test_closed_transport_sends_nothing() -> None:
    server = Server(respond_with(OK))
    listener = await asyncio.start_server(server, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    pool = transport()
    await pool.aclose()
    with pytest.raises(httpx.ConnectError, match=r"^upstream-connect closed$"):
        await pool.handle_async_request(httpx.Request("GET", url))
    listener.close()
    assert server.connections == 0


@pytest.mark.parametrize(
    ("serve", "error"),
    [
        (reset, "ReadError"),
        (never_respond, "ReadTimeout"),
        (respond_with(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"), "ReadTimeout"),
        (respond_with(b"no HTTP at all\r\n\r\n"), "ReadError"),
        (
            respond_with(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\nno"),
            "ReadError",
        ),
        (
            respond_with(b"HTTP/1.1 200 OK\r\nX-A: " + b"a" * 100_000 + b"\r\nContent-Length: 2\r\n\r\nok"),
            "ReadError",
        ),
        (
            respond_with(b"HTTP/1.1 200 OK\r\n" + b"X-A: 1\r\n" * 1_000 + b"Content-Length: 2\r\n\r\nok"),
            "ReadError",
        ),
        (send_endless_body, "ReadTimeout"),
    ],
)
async def test_connection_error_is_translated_to_httpx(serve: Serve, error: str) -> None:
    pool = transport(timeout=SHORT, total_timeout=2) if error == "ReadTimeout" else transport()
    assert await send_one(serve, pool) == error


@pytest.mark.parametrize(
    "serve",
    [
        respond_with(OK),
        respond_with(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n1234"),
        respond_with(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\nno"),
        respond_with(b"HTTP/1.1 200 OK\r\nContent-Length: 3000000\r\n\r\n" + b"x" * 3_000_000),
        send_endless_body,
    ],
    ids=["short", "truncated", "no-gzip", "large", "endless"],
)
async def test_response_whose_body_is_not_read_ends_with_its_head(serve: Serve) -> None:
    async with asyncio.timeout(PATIENCE / 2):
        results = await send_all(Server(serve), *[("POST", "/x", b"{}")] * 2, pool=transport(max_body=None))
    assert [result if isinstance(result, str) else result.status_code for result in results] == [200, 200]


async def test_body_that_ends_early_is_an_error() -> None:
    async def send_part(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: bytes) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n1234")
        writer.close()

    assert await send_one(send_part) == "ReadError"


async def test_closed_port_is_a_connect_error() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    pool = transport()
    with pytest.raises(httpx.ConnectError):
        await pool.handle_async_request(httpx.Request("PUT", url))
    await pool.aclose()


@pytest.mark.parametrize("method", ["PUT", "POST", "DELETE", "GET"])
async def test_request_is_not_repeated_when_a_reused_connection_breaks(method: str) -> None:
    async def reset_second(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: bytes) -> None:
        await (reset if b"/second" in head else respond_with(OK))(reader, writer, head)

    server = Server(reset_second)
    first, second = await send_all(server, ("GET", "/first", b""), (method, "/second", b""))
    assert isinstance(first, httpx.Response)
    assert second == "ReadError"
    assert (len(server.heads), server.connections) == (2, 1)


async def test_connection_is_reused() -> None:
    server = Server(respond_with(OK))
    await send_all(server, *[("GET", "/x", b"")] * 5)
    assert (len(server.heads), server.connections) == (5, 1)


async def test_compressed_response_is_decompressed() -> None:
    body = gzip.compress(b'{"resourceType":"Patient"}')
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body)
    response = await send_one(respond_with(head + body))
    assert isinstance(response, httpx.Response)
    assert await response.aread() == b'{"resourceType":"Patient"}'


async def test_decompressed_body_over_the_limit_is_an_error() -> None:
    body = gzip.compress(b" " * 10_000_000)
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body)
    listener = await asyncio.start_server(Server(respond_with(head + body)), "127.0.0.1", 0)
    port, pool = listener.sockets[0].getsockname()[1], transport(max_body=5_000)
    with pytest.raises(httpx.DecodingError):
        await pool.handle_async_request(httpx.Request("GET", f"http://127.0.0.1:{port}"))
    await pool.aclose()
    listener.close()


async def test_url_is_sent_unchanged() -> None:
    server = Server(respond_with(OK))
    await send_all(server, ("GET", "/a%2Fb?name=%c3%a9%20x&d=ge2020|1+2", b""))
    assert server.heads[0].startswith(b"GET /a%2Fb?name=%c3%a9%20x&d=ge2020|1+2 HTTP/1.1\r\n")


async def test_only_the_host_header_is_added() -> None:
    server = Server(respond_with(OK))
    await send_all(server, ("GET", "/x", b""))
    names = {line.split(b":")[0].lower() for line in server.heads[0].split(b"\r\n")[1:] if line}
    assert names <= {b"host", b"connection"}


@pytest.mark.parametrize("status", [301, 302, 307, 401, 407])
async def test_redirects_and_challenges_are_returned(status: int) -> None:
    fields = b"Location: /elsewhere\r\nWWW-Authenticate: Basic\r\nProxy-Authenticate: Basic\r\n"
    server = Server(respond_with(b"HTTP/1.1 %d X\r\n%bContent-Length: 0\r\n\r\n" % (status, fields)))
    (response,) = await send_all(server, ("GET", "/x", b""))
    assert isinstance(response, httpx.Response)
    assert (response.status_code, len(server.heads)) == (status, 1)


async def test_cookies_are_not_stored() -> None:
    server = Server(respond_with(b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\nContent-Length: 0\r\n\r\n"))
    await send_all(server, ("GET", "/x", b""), ("GET", "/x", b""))
    assert b"cookie" not in server.heads[1].lower()


async def respond_late(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: bytes) -> None:
    """Respond after more than `SHORT`."""
    await reader.readexactly(2)
    await asyncio.sleep(0.5)
    writer.write(OK)


async def send_within(limits: dict[str, float]) -> str:
    server = Server(respond_late)
    listener = await asyncio.start_server(server, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}/x"
    pool = transport(timeout=SHORT)
    try:
        request = httpx.Request("POST", url, content=b"{}", extensions={"timeout": limits})
        return str((await pool.handle_async_request(request)).status_code)
    except httpx.TransportError as error:
        return type(error).__name__
    finally:
        await pool.aclose()
        listener.close()


@pytest.mark.parametrize(
    ("limits", "result"),
    [({}, "ReadTimeout"), ({"read": 9.0}, "200"), ({"read": 9.0, "total": 0.3}, "ReadTimeout")],
)
async def test_request_may_have_its_own_timeout(limits: dict[str, float], result: str) -> None:
    assert await send_within(limits) == result


#: A time in a file would give the tests other names in each process.
GZIP = gzip.compress(b"{}", mtime=0)


def coded(coding: bytes, body: bytes) -> Serve:
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: %s\r\nContent-Length: %d\r\n\r\n" % (coding, len(body))
    return respond_with(head + body)


@pytest.mark.parametrize("coding", [b"x-gzip", b"X-GZip", b"gzip, identity", b"identity, x-gzip"])
async def test_other_names_of_gzip_are_undone(coding: bytes) -> None:
    response = await send_one(coded(coding, GZIP))
    assert isinstance(response, httpx.Response)
    assert await response.aread() == b"{}"


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        (b"gzip, gzip", gzip.compress(GZIP, mtime=0)),
        (b"x-gzip", b"no gzip"),
        (b"x-gzip", GZIP[:-4]),
        (b"x-gzip", GZIP + b"{}"),
        (b"br", b"\x0b\x02\x80{}\x03"),
        (b"zstd", b"{}"),
        (b"compress", b"{}"),
    ],
)
async def test_coding_that_cannot_be_undone_is_an_error(coding: bytes, body: bytes) -> None:
    assert await send_one(coded(coding, body)) == "ContentCodingError"


async def test_unknown_coding_of_no_body_is_no_error() -> None:
    assert isinstance(await send_one(coded(b"compress", b"")), httpx.Response)


async def test_large_gzip_of_other_name_is_an_error() -> None:
    body = gzip.compress(b" " * 10_000_000)
    assert await send_one(coded(b"x-gzip", body), transport(max_body=20_000)) == "DecodingError"
