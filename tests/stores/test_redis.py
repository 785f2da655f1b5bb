"""Shared store in Redis."""

import asyncio
import signal
from collections.abc import Iterator

import pytest
from redis import Redis
from stores.test_memory import check_store_interface
from stores.test_redis_channel import acl_rules
from support.redis_groups import KINDS, RedisGroup, SharedGroups
from support.redis_server import RedisServer, redis_server
from support.stopwatch import Stopwatch

from gateway.ledger.cost import CostClass, LedgerKey
from gateway.ledger.redis_ledger import RedisLedger
from gateway.ledger.redis_reader import read_rows
from gateway.stores.base import StoreStats
from gateway.stores.redis import RedisStore

pytestmark = pytest.mark.anyio

KEYS = ["a configured key"]
#: Seconds that a busy machine may need for a command.
TIMEOUT = 10.0


@pytest.fixture(scope="module", params=KINDS)
def server(request: pytest.FixtureRequest, redis_groups: SharedGroups) -> Iterator[RedisServer | RedisGroup]:
    with redis_groups.of_kind(request.param) as servers:
        yield servers


async def test_redis_store_has_the_interface_of_a_store(server: RedisServer | RedisGroup) -> None:
    store = RedisStore(server.url, KEYS, TIMEOUT)
    await check_store_interface(store)
    await store.aclose()


async def test_user_of_the_page_may_use_store_and_ledger(server: RedisServer | RedisGroup) -> None:
    for each in server.servers if isinstance(server, RedisGroup) else [server]:
        with Redis.from_url(each.url) as admin:
            admin.execute_command("ACL", "SETUSER", "gateway", "reset", *acl_rules())
            admin.execute_command("ACL", "LOG", "RESET")
    with server.direct() as redis:
        redis.flushall()
    url = server.url.replace("//", "//gateway:password@")
    store = RedisStore(url, KEYS, TIMEOUT)
    await check_store_interface(store)
    assert (await store.read_stats()).entries
    await store.aclose()
    await asyncio.to_thread(use_ledger, url)
    for each in server.servers if isinstance(server, RedisGroup) else [server]:
        with Redis.from_url(each.url, decode_responses=True) as admin:
            refused = {entry["object"] for entry in admin.acl_log()} - {"client|setinfo"}
            assert refused == set()


def use_ledger(url: str) -> None:
    ledger = RedisLedger(url, timeout=5)
    ledger.add_counts({LedgerKey("2026-11-29", "s", "c", "Patient", "read", CostClass.BILLED): (1, 10)})
    ledger.flush()
    with ledger.open_reader() as reader:
        assert len(reader.rows()) == len(reader.rows_by_app()) == len(read_rows(url)) == 1
    assert ledger.billable_usage("")
    assert ledger.app_usage("") == {}
    assert ledger.claim("notice")
    ledger.close()


async def test_values_are_compressed_encrypted_and_bound_to_names(server: RedisServer | RedisGroup) -> None:
    store = RedisStore(server.url, KEYS, TIMEOUT)
    await store.set("small", b"Zzyzx", 60)
    await store.set("large", b"Zzyzx" * 1000, 60)
    assert (await store.get("small"), await store.get("large")) == (b"Zzyzx", b"Zzyzx" * 1000)
    await store.aclose()
    with server.direct() as redis:
        small, large = (redis.get(f"halo-gateway/{name}") for name in ("small", "large"))
        assert isinstance(small, bytes)
        assert isinstance(large, bytes)
        assert b"Zzyzx" not in small + large
        assert len(large) < 200
        redis.set("halo-gateway/moved", small)
        assert redis.pttl("halo-gateway/small") > 0
    await check_undecryptable(server, "moved", KEYS)
    await check_undecryptable(server, "small", ["another key"])


async def check_undecryptable(server: RedisServer | RedisGroup, name: str, keys: list[str]) -> None:
    store = RedisStore(server.url, keys, TIMEOUT)
    assert await store.get(name) is None
    await store.aclose()


async def test_older_key_still_decrypts(server: RedisServer | RedisGroup) -> None:
    old, new = (RedisStore(server.url, keys, TIMEOUT) for keys in (["old"], ["new", "old"]))
    await old.set("v", b"1", 60)
    assert await new.get("v") == b"1"
    await old.aclose()
    await new.aclose()


async def test_evicted_counter_of_invalidations_has_no_earlier_number(
    server: RedisServer | RedisGroup,
) -> None:
    """A reader who finds none creates it, with a lifetime: it would have the same number without a write."""
    store, name, seen = RedisStore(server.url, KEYS, TIMEOUT), "halo-gateway/counter/s/Patient", set[int]()
    with server.direct() as redis:
        for amount in (0, 0, 5):
            numbers = [await store.increment("counter/s/Patient", each, 60) for each in (amount, 0)]
            assert numbers[0] == numbers[1] not in seen
            seen.add(numbers[0])
            assert 0 < redis.pttl(name) <= 60_000
            redis.delete(name)
    await store.aclose()


async def test_missing_counter_is_not_created_by_reading_its_number(server: RedisServer | RedisGroup) -> None:
    store, name = RedisStore(server.url, KEYS, TIMEOUT), "halo-gateway/counter/s/Patient"
    with server.direct() as redis:
        assert await store.read_invalidations("counter/s/Patient", 60) is None
        assert not redis.exists(name)
        number = await store.increment("counter/s/Patient", 1, 60)
        assert await store.read_invalidations("counter/s/Patient", 60) == number
        assert await store.increment("counter/s/Patient", 0, 1) == number
        assert redis.pttl(name) > 50_000
        redis.pexpire(name, 29_000)
        assert await store.read_invalidations("counter/s/Patient", 60) == number
        assert redis.pttl(name) > 50_000
    await store.aclose()


async def test_reading_a_counter_of_invalidations_writes_nothing() -> None:
    """Until half of its lifetime is over: a Redis that writes to its disk would wait for it."""
    with redis_server() as server, server.direct(decode_responses=True) as redis:
        store, name = RedisStore(server.url, KEYS, TIMEOUT), "halo-gateway/counter/s/Patient"
        number = await store.increment("counter/s/Patient", 0, 60)

        async def written() -> int:
            before = redis.info("persistence")["rdb_changes_since_last_save"]
            assert await store.increment("counter/s/Patient", 0, 60) == number
            assert await store.read_invalidations("counter/s/Patient", 60) == number
            return int(redis.info("persistence")["rdb_changes_since_last_save"] - before)

        assert await written() == 0
        redis.pexpire(name, 29_000)
        assert await written() > 0
        assert redis.pttl(name) > 50_000
        await store.aclose()


async def test_slow_redis_is_a_connection_error_after_timeout() -> None:
    with redis_server() as server:
        store = RedisStore(server.url, KEYS, timeout=0.8)
        await store.set("v", b"1", 60)
        server.signal(signal.SIGSTOP)
        for operation in (
            lambda: store.get("v"),
            lambda: store.increment("n", 1, 60),
            lambda: store.acquire_lock("l", "h", 1),
        ):
            with Stopwatch() as wait, pytest.raises(ConnectionError):
                await operation()
            assert wait.seconds < 2
        assert "does not accept writes" in await store.problem()
        server.signal(signal.SIGCONT)
        assert await store.get("v") == b"1"
        await store.aclose()


async def test_full_redis_has_a_problem_but_reads() -> None:
    with redis_server("--maxmemory-policy", "noeviction") as server:
        store = RedisStore(server.url, KEYS, TIMEOUT)
        await store.set("v", b"1", 60)
        server.configure("maxmemory", "1")
        assert await store.get("v") == b"1"
        assert await store.problem() == "Redis does not accept writes: OutOfMemoryError"
        with pytest.raises(ConnectionError):
            await store.set("w", b"1", 60)
        await store.aclose()


@pytest.mark.parametrize("command", ["get", "mget", "set", "del", "evalsha", "pttl", "info", "incrby"])
async def test_refusal_of_one_command_is_a_problem(command: str) -> None:
    """Else the store would count as up again until it sends the command."""
    with redis_server() as server:
        store = RedisStore(server.url.replace("//", "//gateway:password@"), KEYS, TIMEOUT)
        with server.direct() as admin:
            admin.execute_command("ACL", "SETUSER", "gateway", "reset", *acl_rules(), f"-{command}")
            assert await store.problem() != ""
            admin.execute_command("ACL", "SETUSER", "gateway", f"+{command}")
            assert await store.problem() == ""
        await store.aclose()


async def test_stats_are_read_from_redis_or_empty(server: RedisServer | RedisGroup) -> None:
    store = RedisStore(server.url, KEYS, TIMEOUT)
    await store.set("stats", b"1", 60)
    stats = await store.read_stats()
    assert (stats.backend, stats.max_bytes, stats.evictions) == ("redis", 0, 0)
    assert stats.entries
    assert stats.used_bytes
    await store.aclose()
    unreachable = RedisStore("redis://127.0.0.1:9/0", KEYS)
    assert await unreachable.read_stats() == StoreStats("redis")
    await unreachable.aclose()
