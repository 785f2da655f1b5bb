"""Connections of a pool over real sockets: their number, order, age, and addresses."""

import asyncio
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, nullcontext
from math import inf
from time import monotonic, sleep
from typing import Any

import httpx
import pytest
from support.exact_upstream import OK, direct_transport, exact_upstream, send, until

from gateway.upstreams.connection_pool import ConnectionPool, Origin
from gateway.upstreams.name_resolver import Addresses, NameResolver

pytestmark = pytest.mark.anyio


@pytest.fixture(params=[False, True], ids=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, bool]]:
    """Run every test on both event loops: their errors and their closing of connections differ."""
    return "asyncio", {"use_uvloop": request.param}


@asynccontextmanager
async def named_pool(look_up: Callable[..., Addresses]) -> AsyncIterator[ConnectionPool]:
    """Open a pool whose names are looked up by a function."""
    limits = httpx.Limits(max_connections=40, keepalive_expiry=5)
    pool = ConnectionPool(limits, 5, ssl.create_default_context(), NameResolver(look_up))
    try:
        yield pool
    finally:
        pool.close()
        await asyncio.sleep(0)


async def respond_slowly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
    await asyncio.sleep(0.05)
    writer.write(OK)


async def test_requests_wait_in_order_for_a_connection() -> None:
    async with (
        exact_upstream(respond_slowly) as upstream,
        direct_transport(max_connections=1) as transport,
    ):
        urls = [f"{upstream.url}/{number}" for number in range(6)]
        assert await asyncio.gather(*(send(transport, url) for url in urls)) == ["200 ok"] * 6
        assert [head.split()[1] for head in upstream.heads] == [b"/%d" % number for number in range(6)]
        assert upstream.connections == 1


async def test_maximum_counts_all_origins_and_idle_connections() -> None:
    async with (
        exact_upstream(OK) as one,
        exact_upstream(OK) as other,
        direct_transport(max_connections=2) as transport,
    ):
        for upstream in (one, other, one, other):
            await asyncio.gather(*(send(transport, upstream.url) for _ in range(2)))
            await asyncio.sleep(0.05)
            assert one.open_connections + other.open_connections <= 2
        assert len(one.heads) == len(other.heads) == 4


async def test_wait_for_a_connection_ends_as_a_connect_timeout() -> None:
    async def respond_late(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        await asyncio.sleep(2)
        writer.write(OK)

    async with (
        exact_upstream(respond_late) as upstream,
        direct_transport(max_connections=1, read=10, pool=1) as transport,
    ):
        results = await asyncio.gather(*(send(transport, upstream.url) for _ in range(3)))
        assert results == ["200 ok", *["ConnectTimeout upstream-connect-timeout no-reply"] * 2]
        assert len(upstream.heads) == 1
        assert await send(transport, upstream.url) == "200 ok"


async def test_total_time_of_waiting_request_is_a_connect_timeout() -> None:
    async def respond_late(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        await asyncio.sleep(0.5)
        writer.write(OK)

    async with (
        exact_upstream(respond_late) as upstream,
        direct_transport(max_connections=1) as transport,
    ):
        first = asyncio.create_task(send(transport, upstream.url))
        await until(lambda: upstream.heads)
        late = httpx.Request("PUT", upstream.url, extensions={"timeout": {"total": 0.05}})
        with pytest.raises(httpx.ConnectTimeout):
            await transport.handle_async_request(late)
        assert (await first, len(upstream.heads)) == ("200 ok", 1)


async def test_cancelled_wait_gives_its_place_to_the_next() -> None:
    async with (
        exact_upstream(respond_slowly) as upstream,
        direct_transport(max_connections=1) as transport,
    ):
        tasks = [asyncio.create_task(send(transport, upstream.url)) for _ in range(4)]
        await asyncio.sleep(0.02)
        tasks[1].cancel()
        tasks[0].add_done_callback(lambda _: tasks[2].cancel())
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert [isinstance(result, asyncio.CancelledError) for result in results] == [0, 1, 1, 0]
        assert await send(transport, upstream.url) == "200 ok"


async def test_failed_connections_give_their_places_back() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    async with direct_transport(max_connections=1) as transport:
        for _ in range(3):
            assert await send(transport, url, "PUT") == "ConnectError upstream-refused ECONNREFUSED"


async def test_idle_connection_is_closed_after_its_time() -> None:
    async with exact_upstream(OK) as upstream, direct_transport(idle=1) as transport:
        await send(transport, upstream.url)
        await send(transport, upstream.url)
        assert (upstream.connections, upstream.open_connections) == (1, 1)
        await until(lambda: upstream.open_connections == 0)
        assert await send(transport, upstream.url) == "200 ok"
        assert upstream.connections == 2


async def test_connection_that_the_upstream_closed_while_idle_is_not_used() -> None:
    async def close_later(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        writer.write(OK)
        await writer.drain()
        raise ConnectionError

    async with exact_upstream(close_later) as upstream, direct_transport() as transport:
        for _ in range(3):
            assert await send(transport, upstream.url, "POST", b"{}") == "200 ok"
        assert (upstream.connections, len(upstream.heads)) == (3, 3)


async def test_close_ends_idle_connections_and_running_requests() -> None:
    async with exact_upstream(respond_slowly) as upstream, direct_transport() as transport:
        await send(transport, upstream.url)
        task = asyncio.create_task(send(transport, upstream.url))
        await asyncio.sleep(0.02)
        await transport.aclose()
        assert await task == "ReadError upstream-reset closed"
        await until(lambda: upstream.open_connections == 0)


async def test_closed_pool_opens_no_connection() -> None:
    async with exact_upstream(OK) as upstream, direct_transport() as transport:
        await transport.aclose()
        assert await send(transport, upstream.url) == "ConnectError upstream-connect closed"
        assert upstream.connections == 0


async def test_connection_that_opens_during_the_close_is_closed() -> None:
    """A request that nobody waits for may go on while the process ends."""
    is_closed = threading.Event()

    def look_up(host: str, port: int, **options: Any) -> Addresses:
        is_closed.wait(10)
        return socket.getaddrinfo("127.0.0.1", port, **options)

    async with exact_upstream(OK) as upstream, named_pool(look_up) as pool:
        origin = Origin(False, "slow.example", httpx.URL(upstream.url).port or 0)
        request = asyncio.create_task(pool.acquire(origin, inf))
        await asyncio.sleep(0.02)
        pool.close()
        is_closed.set()
        with pytest.raises(httpx.ConnectError, match=r"^upstream-connect closed$"):
            await request
        await until(lambda: upstream.connections == 1 and not upstream.open_connections)


async def test_upstream_with_ipv6_address_is_reached() -> None:
    async with exact_upstream(OK, "::1") as upstream, direct_transport() as transport:
        assert await send(transport, upstream.url) == "200 ok"


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
async def test_next_address_of_a_name_is_tried(family: socket.AddressFamily) -> None:
    """The other address refuses connections."""
    async with exact_upstream(OK) as upstream:
        port = httpx.URL(upstream.url).port
        refused = ("127.0.0.2", port) if family is socket.AF_INET else ("::1", port, 0, 0)
        addresses = [
            (family, socket.SOCK_STREAM, 6, "", refused),
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port)),
        ]
        async with named_pool(lambda *_, **__: addresses) as pool:
            await pool.acquire(Origin(False, "two.example", port or 0), inf)
            await until(lambda: upstream.connections == 1)


async def test_requests_at_once_share_one_look_up() -> None:
    look_ups = []

    def look_up(host: str, port: int, **options: Any) -> Addresses:
        look_ups.append(host)
        sleep(0.05)
        return socket.getaddrinfo("127.0.0.1", port, **options)

    async with exact_upstream(OK) as upstream, named_pool(look_up) as pool:
        origin = Origin(False, "one.example", httpx.URL(upstream.url).port or 0)
        await asyncio.gather(*(pool.acquire(origin, inf) for _ in range(20)))
        await until(lambda: upstream.connections == 20)
        assert look_ups == ["one.example"]


async def test_hanging_look_up_of_one_host_delays_no_other() -> None:
    resolved = threading.Event()

    def look_up(host: str, port: int, **options: Any) -> Addresses:
        if host == "silent.example":
            resolved.wait(10)
            raise socket.gaierror(socket.EAI_AGAIN, "try again")
        return socket.getaddrinfo("127.0.0.1", port, **options)

    async with exact_upstream(OK) as upstream, named_pool(look_up) as pool:
        port = httpx.URL(upstream.url).port or 0
        silent = Origin(False, "silent.example", port)
        hanging = [asyncio.create_task(pool.acquire(silent, inf)) for _ in range(20)]
        await asyncio.sleep(0.02)
        async with asyncio.timeout(20):
            await asyncio.gather(*(pool.acquire(Origin(False, f"{n}.example", port), inf) for n in range(3)))
        resolved.set()
        errors = await asyncio.gather(*hanging, return_exceptions=True)
        assert {str(error) for error in errors} == {"upstream-unknown-host name-not-resolved"}


@pytest.mark.parametrize("is_reached", [True, False])
async def test_addresses_that_were_not_reached_are_looked_up_again(is_reached: bool) -> None:
    look_ups = []

    def look_up(host: str, port: int, **options: Any) -> Addresses:
        look_ups.append(host)
        return socket.getaddrinfo("127.0.0.1" if is_reached else "127.0.0.2", port, **options)

    async with exact_upstream(OK) as upstream, named_pool(look_up) as pool:
        origin = Origin(False, "one.example", httpx.URL(upstream.url).port or 0)
        for _ in range(2):
            with nullcontext() if is_reached else pytest.raises(httpx.ConnectError):
                await pool.acquire(origin, inf)
        assert len(look_ups) == (1 if is_reached else 2)


async def test_silent_address_ends_as_a_connect_timeout() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        start = monotonic()
        async with direct_transport(pool=0.3) as transport:
            result = await send(transport, url)
        for filler in fillers:
            filler.close()
        assert result == "ConnectTimeout upstream-connect-timeout no-reply"
        assert monotonic() - start < 10
