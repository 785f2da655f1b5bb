"""Upstream that sends the exact bytes of a test, and a direct transport to it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import httpx
from support.outbound import wait_for_close

from gateway.upstreams.direct_transport import DirectTransport

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter, int], Awaitable[None]]


class ExactUpstream:
    """Calls `serve` with the number of a request, from 0; records heads, and counts open connections."""

    def __init__(self, serve: Serve) -> None:
        self._serve = serve
        self.heads: list[bytes] = []
        self.connections = self.open_connections = 0
        self.url = ""

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.open_connections += 1
        try:
            while True:
                self.heads.append(await reader.readuntil(b"\r\n\r\n"))
                await self._serve(reader, writer, len(self.heads) - 1)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.open_connections -= 1
            writer.close()


@asynccontextmanager
async def exact_upstream(serve: Serve | bytes, host: str = "127.0.0.1") -> AsyncIterator[ExactUpstream]:
    """Run a server that serves by a function, or sends the same bytes to every request."""
    upstream = ExactUpstream(serve if callable(serve) else responding(serve))
    listener = await asyncio.start_server(upstream, host, 0, limit=2**20)
    port = listener.sockets[0].getsockname()[1]
    upstream.url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    try:
        yield upstream
    finally:
        listener.close()
        await wait_for_close()


@asynccontextmanager
async def direct_transport(
    *,
    max_connections: int = 2,
    read: float = 20,
    pool: float = 20,
    total: float = 30,
    idle: float = 20,
    max_body: int = 10_000_000,
) -> AsyncIterator[DirectTransport]:
    """Open a transport with these limits, in seconds and bytes."""
    transport = DirectTransport(
        limits=httpx.Limits(max_connections=max_connections, keepalive_expiry=idle),
        timeout=httpx.Timeout(read, connect=20, pool=pool),
        max_body=max_body,
        total_timeout=total,
    )
    try:
        yield transport
    finally:
        await transport.aclose()


def responding(response: bytes) -> Serve:
    """Serve every request with these bytes."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        writer.write(response)

    return serve


async def send(transport: DirectTransport, url: str, method: str = "GET", content: bytes = b"") -> str:
    """Status and body of the response, or the exception and its text."""
    try:
        response = await transport.handle_async_request(httpx.Request(method, url, content=content))
    except httpx.TransportError as error:
        return f"{type(error).__name__} {error}"
    return f"{response.status_code} {(await response.aread()).decode()}"


async def until(condition: Callable[[], object]) -> None:
    """Wait until a condition is true, at most ten seconds."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - the condition is no event
            await asyncio.sleep(0.01)
