"""Store in Redis while servers fail: what Redis loses, and nodes and slots that move."""

import asyncio
import signal
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, aclosing, suppress
from time import monotonic

import pytest
from support.redis_groups import (
    DURABLE,
    ClusterGroup,
    SentinelGroup,
    SharedGroups,
    cut_replication,
    redis_cluster,
    redis_sentinels,
    wait_until,
)
from support.redis_server import redis_server

from gateway.stores.redis import RedisStore
from gateway.stores.redis_channel import RedisChannel


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, bool]]:
    """The loop of the server: asyncio's own, in Python 3.13.0, writes to a broken connection and fails."""
    return "asyncio", {"use_uvloop": True}


pytestmark = pytest.mark.anyio

KEYS = ["a configured key"]
COUNTER = "counter/site/Patient"
TIMEOUT = 1.0


@pytest.fixture(scope="module")
def cluster() -> Iterator[ClusterGroup]:
    with redis_cluster(*DURABLE, replicas=3) as servers:
        yield servers


@pytest.fixture
def sentinels(redis_groups: SharedGroups) -> Iterator[SentinelGroup]:
    with redis_groups.of_kind("sentinel") as servers:
        assert isinstance(servers, SentinelGroup)
        yield servers


async def until_usable(store: RedisStore) -> float:
    """Seconds until the store works again; no attempt takes longer than a command may."""
    start = monotonic()
    while problem := await within_time(store.problem):
        assert monotonic() < start + 20, problem
        await asyncio.sleep(0.05)
    return monotonic() - start


async def within_time(command: Callable[[], object]) -> str:
    async with asyncio.timeout(5 * TIMEOUT):
        return await command()  # type: ignore[misc, no-any-return]


async def until_refused(command: Callable[[], Awaitable[object]]) -> None:
    """Wait until an old master notices that its replica is gone, which it looks for each second."""
    async with asyncio.timeout(3 * TIMEOUT):
        with suppress(ConnectionError):
            while True:
                await command()


async def check_lost_increment(url: str, lose: Callable[[], None], fail: Callable[[], None]) -> None:
    """Check that a counter whose last increment Redis lost has none of its earlier numbers."""
    async with aclosing(RedisStore(url, KEYS, TIMEOUT)) as store:
        await _check_lost_increment(store, lose, fail)


async def _check_lost_increment(
    store: RedisStore, lose: Callable[[], None], fail: Callable[[], None]
) -> None:
    await store.increment("plain", 1, 60)
    numbers = [await store.increment(COUNTER, amount, 60) for amount in (1, 0)]
    assert numbers[0] == numbers[1]
    await asyncio.to_thread(lose)
    numbers.append(await store.increment(COUNTER, 5, 60))
    await asyncio.to_thread(fail)
    await until_usable(store)
    assert await store.increment("plain", 0, 60) == 1
    assert await store.increment(COUNTER, 0, 60) not in numbers


async def test_older_file_gives_a_counter_no_earlier_number() -> None:
    with redis_server() as server:

        def save() -> None:
            with server.direct() as direct:
                direct.save()

        def restart() -> None:
            server.stop()
            server.start()

        await check_lost_increment(server.url, save, restart)


async def test_sentinel_failover_gives_a_counter_no_earlier_number() -> None:
    with redis_sentinels(*DURABLE) as servers:
        master = servers.master
        await check_lost_increment(servers.url, lambda: cut_replication(master), master.stop)


async def test_old_master_without_its_replica_tells_nothing() -> None:
    """A frozen master that comes back knows no write of its successor; `min-replicas-to-write` is in docs."""
    options = ("--min-replicas-to-write", "1", "--min-replicas-max-lag", "1")
    with redis_sentinels(*DURABLE, *options, down_after=2_000) as servers:
        old = servers.master
        async with aclosing(RedisStore(old.url, KEYS, TIMEOUT)) as store, RedisChannel(old.url) as channel:
            await store.increment(COUNTER, 1, 60)
            await asyncio.to_thread(wait_until, channel.is_current)
            old.signal(signal.SIGSTOP)
            await asyncio.to_thread(wait_until, lambda: servers.master is not old)
            old.signal(signal.SIGCONT)
            await until_refused(lambda: store.read_invalidations(COUNTER, 60))
            for _ in range(20):
                with pytest.raises(ConnectionError):
                    await store.read_invalidations(COUNTER, 60)
                assert not channel.is_current()
                await asyncio.sleep(0.05)
            await channel.publish(b"message")
            assert channel.has_unsent()


async def test_cluster_failover_gives_a_counter_no_earlier_number(cluster: ClusterGroup) -> None:
    owner = cluster.owner_of(f"halo-gateway/{COUNTER}")
    await check_lost_increment(cluster.url, lambda: cut_replication(owner), owner.stop)


async def test_counter_of_a_replica_is_refused(sentinels: SentinelGroup) -> None:
    replica = next(server for server in sentinels.servers if server is not sentinels.master)
    store = RedisStore(replica.url, KEYS, TIMEOUT)
    with pytest.raises(ConnectionError, match="ReadOnlyError"):
        await store.increment(COUNTER, 0, 60)
    await store.aclose()


async def test_commands_follow_slots_that_move(redis_groups: SharedGroups) -> None:
    with redis_groups.of_kind("cluster") as servers:
        assert isinstance(servers, ClusterGroup)
        store, names = (
            RedisStore(servers.url, KEYS, TIMEOUT),
            [f"value/{{moving}}{number}" for number in range(8)],
        )
        await asyncio.gather(*(store.set(name, b"1", 60) for name in names))
        with ExitStack() as stack:
            move = servers.moving("moving", stack)
            for name in names[:4]:
                move(f"halo-gateway/{name}")
            for _ in range(3):
                values = await asyncio.gather(*(store.get(name) for name in names))
                assert values == [b"1"] * 8
                assert await store.increment("{moving}absent", 1, 60)
                for name in names:
                    assert await store.get(name) == b"1"
        assert await store.get(names[0]) == b"1"
        await store.delete(*names)
        assert [await store.get(name) for name in names] == [None] * 8
        await store.aclose()


async def test_first_commands_of_a_store_reach_the_right_node(redis_groups: SharedGroups) -> None:
    """Redirections of commands at once would close the connections of those that wait."""
    with redis_groups.of_kind("cluster") as servers:
        assert isinstance(servers, ClusterGroup)
        for server in servers.servers:
            servers.ask(server, "CONFIG", "RESETSTAT")
        async with aclosing(RedisStore(servers.url, KEYS, 10 * TIMEOUT)) as store:
            await asyncio.gather(*(store.set(f"value/{{first}}{number}", b"1", 60) for number in range(40)))
        errors = [servers.ask(server, "INFO", "errorstats") for server in servers.servers]
        assert "MOVED" not in str(errors)


async def test_node_without_replica_is_a_problem_until_it_is_back(redis_groups: SharedGroups) -> None:
    with redis_groups.of_kind("cluster") as servers:
        store = RedisStore(servers.url, KEYS, TIMEOUT)
        assert await store.problem() == ""
        servers.servers[1].stop()
        for _ in range(3):
            assert "does not accept writes" in await within_time(store.problem)
        servers.servers[1].start()
        await until_usable(store)
        await store.aclose()
