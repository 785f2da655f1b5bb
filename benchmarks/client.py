"""A client of raw sockets that costs little itself, so that many can ask at the same moment."""

import asyncio
import gzip
import json
from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any
from urllib.parse import urlsplit

from benchmarks.measure import KEY

_PATIENCE = 60


@dataclass(frozen=True)
class Answer:
    """An answer as it came, and the seconds from the question to its last byte."""

    status: int
    body: bytes
    seconds: float

    def json(self) -> Any:
        """The decoded body."""
        return json.loads(self.body)


class Connection:
    """One connection: `await ask(target)` as often as one likes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str) -> None:
        self._reader = reader
        self._writer = writer
        self._host = host

    async def ask(self, target: str, key: str = KEY[1], coding: str = "identity") -> Answer:
        """The answer to a GET, unpacked. Raises TimeoutError where none comes."""
        start = perf_counter()
        wants = (f"Host: {self._host}", f"{KEY[0]}: {key}", f"Accept-Encoding: {coding}")
        self._writer.write("\r\n".join((f"GET {target} HTTP/1.1", *wants, "\r\n")).encode())
        async with asyncio.timeout(_PATIENCE):
            head = (await self._reader.readuntil(b"\r\n\r\n")).lower()
            length = int(head.partition(b"\r\ncontent-length:")[2].split(None, 1)[0])
            body = await self._reader.readexactly(length)
        plain = gzip.decompress(body) if b"\r\ncontent-encoding: gzip\r\n" in head else body
        return Answer(int(head.split(None, 2)[1]), plain, perf_counter() - start)

    async def close(self) -> None:
        """Leave."""
        self._writer.close()
        await self._writer.wait_closed()


async def connected(url: str) -> Connection:
    """A connection that stands."""
    host = urlsplit(url)
    reader, writer = await asyncio.open_connection(host.hostname, host.port, limit=1_000_000)
    return Connection(reader, writer, host.netloc)


def all_at_once(urls: Sequence[str], target: str, count: int) -> list[Answer]:
    """The same question, asked of the servers in turn, on connections that stand before the first asks."""

    async def asked() -> list[Answer]:
        urls_ = (urls[number % len(urls)] for number in range(count))
        connections = [await connected(each) for each in urls_]
        answers = await asyncio.gather(*(each.ask(target) for each in connections))
        for each in connections:
            await each.close()
        return answers

    return asyncio.run(asked())
