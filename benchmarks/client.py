"""HTTP client on raw sockets that needs little CPU, for many concurrent requests."""

import asyncio
import gzip
import json
from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any
from urllib.parse import urlsplit

from benchmarks.measure import KEY

_TIMEOUT_SECONDS = 60


@dataclass(frozen=True)
class TimedResponse:
    """A response, and the seconds from sending the request to its last byte."""

    status: int
    body: bytes
    seconds: float

    def json(self) -> Any:
        """The decoded body."""
        return json.loads(self.body)


class Connection:
    """A connection that sends one request at a time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str) -> None:
        self._reader = reader
        self._writer = writer
        self._host = host

    async def get(
        self,
        target: str,
        subscription_key: str = KEY[1],
        encoding: str = "identity",
        more_headers: tuple[str, ...] = (),
    ) -> TimedResponse:
        """Response to a GET, decompressed. Raises TimeoutError after 60 seconds."""
        start = perf_counter()
        own = (f"Host: {self._host}", f"{KEY[0]}: {subscription_key}", f"Accept-Encoding: {encoding}")
        headers = (*own, *more_headers)
        self._writer.write("\r\n".join((f"GET {target} HTTP/1.1", *headers, "\r\n")).encode())
        async with asyncio.timeout(_TIMEOUT_SECONDS):
            head = (await self._reader.readuntil(b"\r\n\r\n")).lower()
            length = int(head.partition(b"\r\ncontent-length:")[2].split(None, 1)[0])
            body = await self._reader.readexactly(length)
        decoded = gzip.decompress(body) if b"\r\ncontent-encoding: gzip\r\n" in head else body
        return TimedResponse(int(head.split(None, 2)[1]), decoded, perf_counter() - start)

    async def close(self) -> None:
        """Close the connection."""
        self._writer.close()
        await self._writer.wait_closed()


async def connect(url: str) -> Connection:
    """Open a connection."""
    host = urlsplit(url)
    reader, writer = await asyncio.open_connection(host.hostname, host.port, limit=1_000_000)
    return Connection(reader, writer, host.netloc)


def send_concurrently(urls: Sequence[str], target: str, count: int) -> list[TimedResponse]:
    """Send the same request on `count` connections, opened beforehand, to the servers in turn."""

    async def send_all() -> list[TimedResponse]:
        client_urls = (urls[number % len(urls)] for number in range(count))
        connections = [await connect(url) for url in client_urls]
        responses = await asyncio.gather(*(connection.get(target) for connection in connections))
        for connection in connections:
            await connection.close()
        return responses

    return asyncio.run(send_all())
