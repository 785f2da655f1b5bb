"""Look-ups of names: shared, kept for a time, and ended by no caller."""

import asyncio
import socket
import subprocess
import sys
import threading
from typing import Any

import pytest

from gateway.upstreams import name_resolver
from gateway.upstreams.name_resolver import ADDRESS_SECONDS, MAX_NAMES, Addresses, NameResolver

pytestmark = pytest.mark.anyio

ADDRESSES = ((socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.1", 80)),)


class NameServer:
    """Answers look-ups once `is_up` is set; `error` is raised instead."""

    def __init__(self) -> None:
        self.hosts: list[str] = []
        self.is_up = threading.Event()
        self.is_up.set()
        self.error: OSError | None = None

    def __call__(self, host: str, *_: int, **__: Any) -> Addresses:
        self.hosts.append(host)
        self.is_up.wait(10)
        if self.error:
            raise self.error
        return ADDRESSES


@pytest.fixture
def server() -> NameServer:
    return NameServer()


@pytest.fixture
def resolver(server: NameServer) -> NameResolver:
    return NameResolver(server)


async def test_callers_at_once_share_a_look_up(resolver: NameResolver, server: NameServer) -> None:
    results = await asyncio.gather(*(resolver.resolve("a.example", 80) for _ in range(20)))
    assert (set(results), server.hosts) == ({ADDRESSES}, ["a.example"])


async def test_caller_that_leaves_does_not_end_it(resolver: NameResolver, server: NameServer) -> None:
    server.is_up.clear()
    first, second = (asyncio.create_task(resolver.resolve("a.example", 80)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    server.is_up.set()
    assert (await second, server.hosts) == (ADDRESSES, ["a.example"])


async def test_failure_reaches_all_and_is_not_kept(resolver: NameResolver, server: NameServer) -> None:
    server.error = socket.gaierror(socket.EAI_NONAME, "unknown")
    calls = (resolver.resolve("a.example", 80) for _ in range(3))
    errors = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(error) for error in errors] == [socket.gaierror] * 3
    server.error = None
    assert (await resolver.resolve("a.example", 80), len(server.hosts)) == (ADDRESSES, 2)


async def test_addresses_are_kept_for_ten_seconds(
    resolver: NameResolver, server: NameServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = asyncio.get_running_loop()
    start = loop.time()
    for seconds, look_ups in ((0.0, 1), (ADDRESS_SECONDS - 1, 1), (ADDRESS_SECONDS + 1, 2)):
        monkeypatch.setattr(loop, "time", lambda later=start + seconds: later)
        await resolver.resolve("a.example", 80)
        assert len(server.hosts) == look_ups
    monkeypatch.undo()


async def test_hanging_look_up_delays_no_other_name(resolver: NameResolver, server: NameServer) -> None:
    server.is_up.clear()
    hanging = [asyncio.create_task(resolver.resolve("a.example", 80)) for _ in range(50)]
    await asyncio.sleep(0.01)
    assert server.hosts == ["a.example"]
    other = asyncio.create_task(resolver.resolve("b.example", 80))
    async with asyncio.timeout(20):
        while server.hosts != ["a.example", "b.example"]:  # noqa: ASYNC110 - a thread sets it
            await asyncio.sleep(0.01)
    server.is_up.set()
    assert await asyncio.gather(other, *hanging) == [ADDRESSES] * 51


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_address_is_not_looked_up(resolver: NameResolver, server: NameServer, host: str) -> None:
    ((_, kind, _, _, address),) = await resolver.resolve(host, 80)
    assert (kind, address[:2], server.hosts) == (socket.SOCK_STREAM, (host, 80), [])


async def test_number_of_names_is_limited(resolver: NameResolver, server: NameServer) -> None:
    for number in range(MAX_NAMES + 1):
        await resolver.resolve(f"{number}.example", 80)
    await resolver.resolve("1.example", 80)
    assert len(server.hosts) == MAX_NAMES + 1
    await resolver.resolve("0.example", 80)
    assert len(server.hosts) == MAX_NAMES + 2


async def test_number_of_threads_is_limited(resolver: NameResolver, server: NameServer) -> None:
    server.is_up.clear()
    calls = [asyncio.create_task(resolver.resolve(f"{number}.example", 80)) for number in range(20)]
    await asyncio.sleep(0.05)
    assert len(server.hosts) == name_resolver.MAX_THREADS
    server.is_up.set()
    await asyncio.gather(*calls)


def test_process_ends_beside_a_look_up_that_hangs() -> None:
    """The process must be gone before a load balancer's patience, and Kubernetes' grace period, end."""
    program = (
        "import asyncio, time\n"
        "from gateway.upstreams.name_resolver import NameResolver\n"
        "async def main():\n"
        "    resolver = NameResolver(lambda *_, **__: time.sleep(60))\n"
        "    await asyncio.wait_for(resolver.resolve('a.example', 80), 0.1)\n"
        "try:\n"
        "    asyncio.run(main())\n"
        "except TimeoutError:\n"
        "    print('ended')\n"
    )
    command = [sys.executable, "-c", program]
    ended = subprocess.run(command, check=True, capture_output=True, text=True, timeout=30)
    assert (ended.stdout, ended.stderr) == ("ended\n", "")
