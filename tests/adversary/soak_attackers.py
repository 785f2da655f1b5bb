"""Attackers of the soak, as a process: `nice python -m adversary.soak_attackers URL SECONDS SEED`.

It has a lower priority than the gateway, because the attackers of a real gateway use other processors. At the
end it prints the number of responses as JSON: kind of attack -> status -> number.
"""

import asyncio
import json
import os
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from random import Random

import httpx
from adversary.soak_requests import (
    ATTACK_KINDS,
    DRIP_KINDS,
    KEY_FIELD,
    AttackKind,
    DripKind,
    replay_kinds,
)
from end_to_end.chaos_world import KEYS, NEAR, PUBLIC, base

#: Seconds that an attacker waits for a response.
MAX_WAIT = 45.0
MAX_IN_FLIGHT = 200
_SECONDS_BETWEEN_DRIPS = 20.0

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Attackers:
    """All attackers; their responses are counted by kind and status."""

    def __init__(self, url: str, seed: str) -> None:
        address = httpx.URL(url)
        self._host, self._port, self._seed = address.host, address.port, seed
        self.statuses: dict[str, Counter[str]] = defaultdict(Counter)

    async def run(self, kinds: dict[str, AttackKind | DripKind], seconds: float) -> None:
        """Attack for a time; requests that still wait for a response then are given up."""
        tasks = [
            asyncio.create_task(attack)
            for name, kind in kinds.items()
            for attack in (
                (self._drip(name, kind) for _ in range(kind.sockets))
                if isinstance(kind, DripKind)
                else [self._send_all(name, kind)]
            )
        ]
        await asyncio.sleep(seconds)
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(isinstance(result, asyncio.CancelledError) for result in results), results

    async def _send_all(self, name: str, kind: AttackKind) -> None:
        random, places = Random(f"{self._seed} {name}"), asyncio.Semaphore(MAX_IN_FLIGHT)
        async with asyncio.TaskGroup() as group:
            while True:
                await places.acquire()
                sending = group.create_task(self._send(name, kind, random))
                sending.add_done_callback(lambda _: places.release())
                await asyncio.sleep(random.expovariate(kind.per_second))

    async def _send(self, name: str, kind: AttackKind, random: Random) -> None:
        with self._count(name):
            async with asyncio.timeout(MAX_WAIT):
                response = await self._exchange(kind.address, kind.make(random))
            self.statuses[name][status_of(response)] += 1

    async def _exchange(self, address: str, request: bytes) -> bytes:
        reader, writer = await self._connect(address)
        try:
            writer.write(request)
            with suppress(ConnectionError):  # refused before it was read: the response is there
                await writer.drain()
            return await reader.read(-1)
        finally:
            writer.transport.abort()

    async def _drip(self, name: str, kind: DripKind) -> None:
        while True:
            with self._count(name):
                reader, writer = await self._connect(kind.address)
                try:
                    await self._send_slowly(reader, writer, kind.start)
                    self.statuses[name][status_of(await reader.read(-1))] += 1
                finally:
                    writer.transport.abort()
            await asyncio.sleep(_SECONDS_BETWEEN_DRIPS)

    async def _send_slowly(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, start: bytes
    ) -> None:
        """Send the start, then a byte per second until the gateway ends the connection."""
        writer.write(start)
        while not reader.at_eof():
            await asyncio.sleep(1)
            writer.write(b"x")
            await writer.drain()

    async def _connect(self, address: str) -> Connection:
        return await asyncio.open_connection(self._host, self._port, local_addr=(address, 0))

    @contextmanager
    def _count(self, name: str) -> Iterator[None]:
        """Count an exchange without a response."""
        try:
            yield
        except asyncio.CancelledError:
            self.statuses[name]["open at the end"] += 1
            raise
        except TimeoutError:
            self.statuses[name]["no response"] += 1
        except OSError:
            self.statuses[name]["reset"] += 1


def status_of(received: bytes) -> str:
    """Status of a response; "closed" without one, and "several" for more than one."""
    if received.count(b"HTTP/1.1 ") > 1:
        return "several"
    return received[9:12].decode() if received.startswith(b"HTTP/1.1 ") else "closed"


def honest_page_link(url: str) -> str:
    """Path of the next page of an honest client's search."""
    headers = {KEY_FIELD: KEYS[NEAR]}
    page = httpx.get(f"{url}{base(NEAR)}/Patient?_count=3", headers=headers, timeout=30, trust_env=False)
    link = next(link["url"] for link in page.json()["link"] if link["relation"] == "next")
    return str(link).removeprefix(PUBLIC)


def main() -> None:
    """Attack the gateway at a URL for some seconds; SOAK_ATTACKS names some kinds, separated by commas."""
    url, seconds, seed = sys.argv[1:]
    kinds = ATTACK_KINDS | DRIP_KINDS | replay_kinds(honest_page_link(url))
    names = [name for name in os.environ.get("SOAK_ATTACKS", "").split(",") if name] or kinds
    attackers = Attackers(url, seed)
    asyncio.run(attackers.run({name: kinds[name] for name in names}, float(seconds)))
    print(json.dumps(attackers.statuses))


if __name__ == "__main__":
    main()
