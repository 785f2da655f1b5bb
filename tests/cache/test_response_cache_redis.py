"""Response cache on a real Redis that goes down and comes up again."""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
from stores.test_fallback import until_back
from stores.test_redis_channel import wait_until
from stores.test_redis_failover import until_usable
from structlog.testing import capture_logs
from support.cache import PATIENT, Practice, status
from support.redis_groups import SentinelGroup, cut_replication, redis_sentinels
from support.redis_server import RedisServer, redis_server
from support.requests import SITE, json_response

from gateway.cache.invalidation import REQUEST_SECONDS, InvalidationCounters
from gateway.cache.patient_tags import purge_tags
from gateway.cache.response_cache import ResponseCache
from gateway.errors.catalog import UPSTREAM_TIMEOUT, WRITE_OUTCOME_UNKNOWN
from gateway.errors.failure import Failure
from gateway.exchange import FhirResponse
from gateway.stores.fallback import FallbackStore
from gateway.stores.memory import MemoryStore
from gateway.stores.redis import RedisStore
from gateway.stores.redis_channel import RedisChannel
from gateway.upstreams.failures import CREDENTIALS_INVALID, NOT_FOUND

pytestmark = pytest.mark.anyio

#: Acknowledged commands survive a restart of the server.
DURABLE = ("--appendonly", "yes", "--appendfsync", "always")

Action = Callable[[RedisServer], None]


def freeze(server: RedisServer) -> None:
    server.signal(signal.SIGSTOP)


def unfreeze(server: RedisServer) -> None:
    server.signal(signal.SIGCONT)


class RedisPractice(Practice):
    """A practice behind one of several replicas, whose cache is in Redis."""

    def __init__(self, server: RedisServer | SentinelGroup) -> None:
        super().__init__(lock_seconds=1.0)
        self.redis = RedisStore(server.url, ["synthetic key"], timeout=2)
        self.shared_store = FallbackStore(self.redis, MemoryStore, probe_interval=0.05)
        self.cache = ResponseCache(self.upstream, self.shared_store, self.config, self.clock)

    def use_channel(self, channel: RedisChannel) -> None:
        counters = InvalidationCounters(
            self.shared_store,
            is_shared=True,
            channel=channel,
            is_store_down=lambda: self.shared_store.is_down,
            now=self._timestamp,
        )
        self.cache = ResponseCache(self.upstream, self.shared_store, self.config, self.clock, counters)


@asynccontextmanager
async def redis_practice(server: RedisServer | SentinelGroup) -> AsyncIterator[RedisPractice]:
    practice = RedisPractice(server)
    try:
        yield practice
    finally:
        await practice.shared_store.aclose()
        await practice.redis.aclose()


@pytest.mark.parametrize(
    "outcome", [json_response(PATIENT), Failure(WRITE_OUTCOME_UNKNOWN)], ids=["ok", "unknown"]
)
@pytest.mark.parametrize(
    ("stop", "restart"), [(RedisServer.stop, RedisServer.start), (freeze, unfreeze)], ids=["dead", "slow"]
)
async def test_write_during_redis_outage_invalidates_after_it(
    stop: Action, restart: Action, outcome: FhirResponse | Failure
) -> None:
    with redis_server(*DURABLE) as server, capture_logs():
        async with redis_practice(server) as practice, redis_practice(server) as replica:
            await practice.get()
            assert "hit" in status(await replica.get())
            stop(server)
            practice.response = outcome
            await asyncio.gather(practice.write(), return_exceptions=True)
            practice.response = json_response({**PATIENT, "gender": "other"})
            assert b"other" in (await practice.get()).body
            restart(server)
            await until_back(practice.shared_store)
            await until_back(replica.shared_store)
            assert b"other" in (await practice.get()).body
            assert b"other" in (await replica.get()).body
            assert len(replica.upstream_requests) == 0


async def test_write_that_redis_lost_still_ends_the_response() -> None:
    with redis_sentinels(*DURABLE) as servers, capture_logs():
        master = servers.master
        async with redis_practice(servers) as practice:
            await practice.get()
            cut_replication(master)
            await practice.write()
            practice.response = json_response({**PATIENT, "gender": "other"})
            master.stop()
            await until_usable(practice.redis)
            async with redis_practice(servers) as replica:
                replica.response = practice.response
                assert b"other" in (await replica.get()).body
                assert "hit" in status(await replica.get())


async def test_full_redis_is_bypassed_until_it_has_memory() -> None:
    with redis_server("--maxmemory-policy", "noeviction") as server:
        async with redis_practice(server) as practice:
            await practice.redis.set("room", b"1", 60)
            server.configure("maxmemory", "1")
            with capture_logs() as lines:
                for expected in ("fwd=uri-miss", "hit"):
                    assert expected in status(await practice.get())
                assert "OutOfMemoryError" in await practice.shared_store.problem()
                server.configure("maxmemory", "0")
                await until_back(practice.shared_store)
            assert [line["event"] for line in lines] == ["shared-store-down", "shared-store-up"]
            assert [status(await practice.get())[14:17] for _ in range(2)] == ["fwd", "hit"]


@pytest.mark.parametrize("reply", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"+OK\r\n", b"\x00\xff\n", b""])
async def test_server_with_another_protocol_fails_no_request(reply: bytes) -> None:
    async def serve_reply(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while reply and await reader.read(4_096):
            writer.write(reply)
        writer.close()

    server = await asyncio.start_server(serve_reply, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    with capture_logs() as lines:
        async with redis_practice(RedisServer(Path(), port)) as practice:
            for expected in ("fwd=uri-miss", "hit"):
                assert expected in status(await practice.get())
            assert practice.shared_store.is_down
        server.close()
    assert [line["event"] for line in lines] == ["shared-store-down"]


async def test_redis_with_unknown_password_fails_no_request() -> None:
    with redis_server("--requirepass", "synthetic") as server, capture_logs():
        async with redis_practice(server) as practice:
            for expected in ("fwd=uri-miss", "hit"):
                assert expected in status(await practice.get())
            assert "AuthenticationError" in await practice.shared_store.problem()


async def test_failed_requests_leave_no_counter_of_a_patient() -> None:
    """Neither a made-up key nor a made-up patient takes memory of the Redis that all share."""
    refusal = Failure(CREDENTIALS_INVALID, upstream_response=json_response({}, CREDENTIALS_INVALID.status))
    with redis_server() as server, server.direct(decode_responses=True) as redis:
        async with redis_practice(server) as practice:
            practice.response = refusal
            results = await asyncio.gather(
                *(practice.get(f"Patient/p{number}") for number in range(20)), return_exceptions=True
            )
            assert [type(each) for each in results] == [Failure] * 20
            (name,) = redis.keys(f"halo-gateway/counter/{SITE.guid}/*")
            assert name.endswith("/all")
            assert 0 < redis.ttl(name) <= REQUEST_SECONDS
            practice.response = json_response(PATIENT)
            assert "stored" in status(await practice.get(ocp_apim_subscription_key="another"))
            assert redis.ttl(name) > REQUEST_SECONDS


@pytest.mark.parametrize("is_purge", [False, True], ids=["create", "purge"])
async def test_stored_404_ends_when_the_patient_is_created(*, is_purge: bool) -> None:
    failure = Failure(NOT_FOUND, upstream_response=json_response({}, 404))
    with redis_server() as server:
        async with redis_practice(server) as practice:
            practice.response = failure
            for _ in range(2):
                with pytest.raises(Failure):
                    await practice.get()
            assert len(practice.upstream_requests) == 1
            practice.response = json_response(PATIENT)
            if is_purge:
                tags = purge_tags(SITE.guid, "", "1", practice.config.secret)
                await practice.cache.purge(SITE.guid, tags)
            else:
                await practice.write()
            assert (await practice.get()).status == 200


async def test_first_reads_of_a_patient_at_once_are_both_stored() -> None:
    with redis_server() as server:
        async with redis_practice(server) as practice, redis_practice(server) as replica:
            for each in (practice, replica):
                each.may_respond.clear()
            reads = [
                asyncio.create_task(each)
                for each in (practice.get(), replica.get("Patient/1", "_elements=id"))
            ]
            await wait_until(lambda: bool(practice.upstream_requests and replica.upstream_requests))
            for each in (practice, replica):
                each.may_respond.set()
            assert ["stored" in status(response) for response in await asyncio.gather(*reads)] == [True, True]
            await practice.cache.purge(SITE.guid, purge_tags(SITE.guid, "", "1", practice.config.secret))
            assert "fwd" in status(await practice.get())
            assert "fwd" in status(await replica.get("Patient/1", "_elements=id"))


async def test_replicas_ask_a_failing_practice_side_by_side() -> None:
    """One that waited for the others in line would answer after the time of all of them."""
    with redis_server() as server:
        async with AsyncExitStack() as stack:
            replicas = [await stack.enter_async_context(redis_practice(server)) for _ in range(3)]
            for each in replicas:
                each.response = Failure(UPSTREAM_TIMEOUT)
                each.may_respond.clear()
            leader, *followers = replicas
            reads = [asyncio.create_task(leader.get())]
            await wait_until(lambda: len(leader.upstream_requests) == 1)
            reads += [asyncio.create_task(each.get()) for each in followers for _ in range(2)]
            await asyncio.sleep(0.1)
            leader.may_respond.set()
            await wait_until(lambda: all(len(each.upstream_requests) == 1 for each in followers), 4)
            for each in followers:
                each.may_respond.set()
            results = await asyncio.gather(*reads, return_exceptions=True)
            assert [type(each) for each in results] == [Failure] * 5
            assert [len(each.upstream_requests) for each in replicas] == [1, 1, 1]


@asynccontextmanager
async def replicas_with_channels(server: RedisServer) -> AsyncIterator[tuple[RedisPractice, RedisPractice]]:
    """Yield two replicas that tell each other of writes."""
    async with AsyncExitStack() as stack:
        practices = [await stack.enter_async_context(redis_practice(server)) for _ in range(2)]
        channels = [await stack.enter_async_context(RedisChannel(server.url)) for _ in range(2)]
        for each, channel in zip(practices, channels, strict=True):
            each.use_channel(channel)
        await wait_until(lambda: all(channel.is_current() for channel in channels))
        yield practices[0], practices[1]


async def test_refusal_that_is_pushed_ends_the_copies_of_other_replicas() -> None:
    """It counts at once, though the other replica has just read that there is none."""
    refusal = Failure(CREDENTIALS_INVALID, upstream_response=json_response({}, CREDENTIALS_INVALID.status))
    with redis_server() as server:
        async with replicas_with_channels(server) as (practice, replica):
            await practice.get()
            validity = (await replica.get()).cache_validity
            assert validity
            assert validity.is_locally_current()
            practice.response = replica.response = refusal
            with pytest.raises(Failure):
                await practice.get("Slot/1")
            await wait_until(lambda: not validity.is_locally_current())
            with pytest.raises(Failure):
                await replica.get()


@pytest.mark.parametrize("is_refused", [False, True], ids=["write", "refusal"])
async def test_replica_heeds_one_that_has_lost_the_store(*, is_refused: bool) -> None:
    """The counters in Redis do not change before the sender's probe: the message must count by itself."""
    failure = Failure(CREDENTIALS_INVALID, upstream_response=json_response({}, CREDENTIALS_INVALID.status))
    with redis_server() as server, capture_logs():
        async with replicas_with_channels(server) as (practice, replica):
            practice.shared_store._probe_interval = 60.0
            replica.may_respond.clear()
            late, _ = asyncio.create_task(replica.get()), await asyncio.sleep(0.05)
            await practice.get("Patient/2")
            assert "hit" in status(await replica.get("Patient/2"))
            validity = (await replica.get("Patient/2")).cache_validity
            assert validity
            practice.shared_store._switch_to_spare("a test")
            practice.advance(0.5)
            replica.advance(0.5)
            practice.response = failure if is_refused else practice.response
            await asyncio.gather(
                practice.get("Slot/1") if is_refused else practice.write(), return_exceptions=True
            )
            await wait_until(lambda: not validity.is_locally_current())
            replica.may_respond.set()
            await late
            sent = len(replica.upstream_requests)
            for path in ("Patient/1", "Patient/2"):
                assert "fwd" in status(await replica.get(path))
            assert len(replica.upstream_requests) == sent + 2
            replica.advance(2)
            assert ["hit" in status(await replica.get()) for _ in range(3)] == [False, True, True]
