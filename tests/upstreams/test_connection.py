"""One connection over a real socket: each request written once, reused only after an exact response."""

import asyncio
import gc
import socket
import struct
from time import monotonic

import httpx
import pytest
from support.exact_upstream import OK, Serve, direct_transport, exact_upstream, responding, send, until

from gateway.upstreams.connection import Connection

pytestmark = pytest.mark.anyio


@pytest.fixture(params=[False, True], ids=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, bool]]:
    """Run every test on both event loops: their errors and their closing of connections differ."""
    return "asyncio", {"use_uvloop": request.param}


def closing_after(response: bytes, *, resets: bool = False) -> Serve:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        writer.write(response)
        await writer.drain()
        if resets:
            linger = struct.pack("ii", 1, 0)
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            writer.transport.abort()
        writer.close()
        raise ConnectionError

    return serve


@pytest.mark.parametrize(
    ("response", "connections"),
    [
        (OK, 1),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + OK, 1),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nA: b\r\n\r\n", 1),
        (OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"), 3),
        (OK.replace(b"1.1", b"1.0"), 3),
        (OK + b"x", 3),
        (OK + OK, 3),
    ],
)
async def test_connection_is_reused_after_an_exact_response_only(response: bytes, connections: int) -> None:
    async with exact_upstream(response) as upstream, direct_transport() as transport:
        assert [await send(transport, upstream.url) for _ in range(3)] == ["200 ok"] * 3
        assert (upstream.connections, len(upstream.heads)) == (connections, 3)


@pytest.mark.parametrize("response", [b"HTTP/1.1 200 OK\r\n\r\nok", OK, OK.replace(b"1.1", b"1.0")])
async def test_response_before_the_end_of_its_connection_is_whole(response: bytes) -> None:
    async with exact_upstream(closing_after(response)) as upstream, direct_transport() as transport:
        assert [await send(transport, upstream.url) for _ in range(2)] == ["200 ok"] * 2
        assert upstream.connections == 2


@pytest.mark.parametrize(
    ("response", "resets", "reason"),
    [
        (b"", False, "closed"),
        (b"", True, "reset"),
        (b"HTTP/1.1 200 OK\r\nContent-Le", False, "closed"),
        (OK[:-1], False, "body-incomplete"),
        (OK[:-1], True, "body-incomplete"),
        (b"HTTP/1.1 200 OK\r\n\r\nok", True, "body-incomplete"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n", False, "body-incomplete"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok", False, "not-http"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "PUT"])
async def test_broken_response_is_a_read_error_and_never_repeated(
    response: bytes, resets: bool, reason: str, method: str
) -> None:
    serve = closing_after(response, resets=resets)
    async with exact_upstream(serve) as upstream, direct_transport() as transport:
        assert await send(transport, upstream.url, method) == f"ReadError upstream-reset {reason}"
        assert (upstream.connections, len(upstream.heads)) == (1, 1)


@pytest.mark.parametrize("unsolicited", [b"x", OK, b"HTTP/1.1 408 Request Timeout\r\n\r\n"])
async def test_unsolicited_bytes_close_an_idle_connection(unsolicited: bytes) -> None:
    async def send_more_later(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int
    ) -> None:
        writer.write(OK)
        await writer.drain()
        asyncio.get_running_loop().call_later(0.02, writer.write, unsolicited)

    async with exact_upstream(send_more_later) as upstream, direct_transport() as transport:
        for _ in range(2):
            assert await send(transport, upstream.url) == "200 ok"
            await asyncio.sleep(0.1)
        assert upstream.connections == 2


async def test_unread_bytes_of_an_idle_connection_are_noticed_before_use() -> None:
    """The loop gets no turn between the bytes' arrival and the next request."""
    async with direct_transport() as transport:
        listener = socket.create_server(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        first = asyncio.create_task(send(transport, url))
        peer, _ = await asyncio.to_thread(listener.accept)
        await asyncio.to_thread(peer.recv, 1000)
        peer.sendall(OK)
        assert await first == "200 ok"
        peer.sendall(OK.replace(b"ok", b"no"))
        second = asyncio.create_task(send(transport, url))
        other, _ = await asyncio.to_thread(listener.accept)
        await asyncio.to_thread(other.recv, 1000)
        other.sendall(OK)
        assert await second == "200 ok"
        for each in (peer, other, listener):
            each.close()


async def test_early_response_to_a_large_body_is_returned() -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        writer.write(OK.replace(b"200", b"413"))

    async with exact_upstream(refuse) as upstream, direct_transport() as transport:
        for _ in range(2):
            assert await send(transport, upstream.url, "POST", b"x" * 20_000_000) == "413 ok"
        assert upstream.connections == 2


async def test_body_is_not_written_faster_than_it_is_read() -> None:
    async def never_read(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        await asyncio.sleep(60)

    async with exact_upstream(never_read) as upstream, direct_transport(read=0.2, total=0.5) as transport:
        start = monotonic()
        result = await send(transport, upstream.url, "POST", b"x" * 30_000_000)
        assert result == "ReadTimeout upstream-timeout no-response"
        assert monotonic() - start < 15


async def test_time_without_data_counts_from_the_last_byte() -> None:
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        for byte in OK[:-1]:
            writer.write(bytes([byte]))
            await asyncio.sleep(0.06)
        if number == 0:
            writer.write(OK[-1:])
        else:
            await asyncio.sleep(60)

    async with exact_upstream(drip) as upstream, direct_transport(read=2) as transport:
        assert await send(transport, upstream.url) == "200 ok"
        start = monotonic()
        assert await send(transport, upstream.url) == "ReadTimeout upstream-timeout no-response"
        assert monotonic() - start > 4


async def test_total_time_ends_a_response_that_goes_on() -> None:
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while not writer.is_closing():
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.02)

    async with exact_upstream(drip) as upstream, direct_transport(read=5, total=0.5) as transport:
        assert await send(transport, upstream.url) == "ReadTimeout upstream-timeout no-response"


async def test_cancelled_request_closes_its_connection() -> None:
    async def never_respond(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        assert await reader.read() == b""
        raise ConnectionError

    async with exact_upstream(never_respond) as upstream, direct_transport(max_connections=1) as transport:
        for number in range(3):
            task = asyncio.create_task(send(transport, upstream.url))
            await until(lambda number=number: len(upstream.heads) == number + 1)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await until(lambda: upstream.open_connections == 0)
            assert upstream.connections == number + 1


async def test_transport_reuses_one_timer_per_connection() -> None:
    """A timer for each request would cost more than the exchange."""
    calls, loop = [0], asyncio.get_running_loop()
    call_at = loop.call_at

    def counting(*args: object, **options: object) -> asyncio.TimerHandle:
        calls[0] += 1
        return call_at(*args, **options)  # type: ignore[arg-type]

    async with exact_upstream(OK) as upstream, direct_transport() as transport:
        await send(transport, upstream.url)
        loop.call_at = counting  # type: ignore[method-assign]
        try:
            for _ in range(20):
                await send(transport, upstream.url)
        finally:
            del loop.call_at
        assert calls[0] <= 2


def live_objects() -> list[object]:
    """Connections and errors of the transport in this process, also of other tests."""
    return [each for each in gc.get_objects() if isinstance(each, Connection | httpx.TransportError)]


@pytest.mark.parametrize(
    "response", [OK, b"no HTTP\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"]
)
async def test_closed_connection_is_freed_without_the_collector(response: bytes) -> None:
    async with exact_upstream(responding(response)) as upstream, direct_transport(read=0.5) as transport:
        gc.collect()
        earlier = {id(each) for each in live_objects()}
        gc.disable()
        try:
            await send(transport, upstream.url)
            await transport.aclose()
            del transport
            await asyncio.sleep(0.05)
            left = [each for each in live_objects() if id(each) not in earlier]
        finally:
            gc.enable()
        assert left == []
