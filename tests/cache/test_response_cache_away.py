"""The cache on a real Redis that goes away and comes back."""

import asyncio
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from stores.test_fallback import until_back
from structlog.testing import capture_logs
from support.cache import PATIENT, Practice, status
from support.redis_server import RedisServer, redis_server
from support.requests import json_response

from gateway.cache.response_cache import ResponseCache
from gateway.errors.catalog import WRITE_OUTCOME_UNKNOWN
from gateway.errors.failure import Failure
from gateway.exchange import FhirResponse
from gateway.stores.fallback import FallbackStore
from gateway.stores.memory import MemoryStore
from gateway.stores.redis import RedisStore

#: What was acknowledged outlives the server.
DURABLE = ("--appendonly", "yes", "--appendfsync", "always")

Act = Callable[[RedisServer], None]


def frozen(server: RedisServer) -> None:
    server.signal(signal.SIGSTOP)


def thawed(server: RedisServer) -> None:
    server.signal(signal.SIGCONT)


class OnRedis(Practice):
    """One of several replicas, whose cache is in Redis."""

    def __init__(self, server: RedisServer) -> None:
        super().__init__(lock_seconds=1.0)
        self.redis = RedisStore(server.url, ["synthetic key"], timeout=2)
        self.shared = FallbackStore(self.redis, MemoryStore, probe_interval=0.05)
        self.cached = ResponseCache(self.upstream, self.shared, self.caching, lambda: self.now)

    async def aclose(self) -> None:
        await self.shared.aclose()
        await self.redis.aclose()


@pytest.mark.parametrize(
    "outcome", [json_response(PATIENT), Failure(WRITE_OUTCOME_UNKNOWN)], ids=["ok", "unknown"]
)
@pytest.mark.parametrize(
    ("leave", "come_back"), [(RedisServer.stop, RedisServer.start), (frozen, thawed)], ids=["dead", "slow"]
)
def test_a_write_that_redis_did_not_see_is_not_forgotten_when_it_is_back(
    leave: Act, come_back: Act, outcome: FhirResponse | Failure
) -> None:
    async def scene(server: RedisServer) -> None:
        practice, other = OnRedis(server), OnRedis(server)
        await practice.get()
        assert "hit" in status(await other.get())
        leave(server)
        practice.answer = outcome
        await asyncio.gather(practice.write(), return_exceptions=True)
        practice.answer = json_response({**PATIENT, "gender": "other"})
        assert b"other" in (await practice.get()).body
        come_back(server)
        for each in (practice, other):
            await until_back(each.shared)
        assert b"other" in (await practice.get()).body
        assert b"other" in (await other.get()).body
        assert len(other.asked) == 0
        for each in (practice, other):
            await each.aclose()

    with redis_server(*DURABLE) as server, capture_logs():
        asyncio.run(scene(server))


def test_a_full_redis_fails_no_request_and_is_used_again_when_it_has_room() -> None:
    async def scene(server: RedisServer) -> None:
        practice = OnRedis(server)
        await practice.redis.set("room", b"1", 60)
        server.configure("maxmemory", "1")
        with capture_logs() as lines:
            for expected in ("fwd=uri-miss", "hit"):
                assert expected in status(await practice.get())
            assert "OutOfMemoryError" in await practice.shared.problem()
            server.configure("maxmemory", "0")
            await until_back(practice.shared)
        assert [each["event"] for each in lines] == ["shared-store-down", "shared-store-up"]
        assert [status(await practice.get())[14:17] for _ in range(2)] == ["fwd", "hit"]
        await practice.aclose()

    with redis_server("--maxmemory-policy", "noeviction") as server:
        asyncio.run(scene(server))


@pytest.mark.parametrize("answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"+OK\r\n", b"\x00\xff\n", b""])
def test_what_only_claims_to_be_redis_fails_no_request(answer: bytes) -> None:
    async def garbled(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while answer and await reader.read(4_096):
            writer.write(answer)
        writer.close()

    async def scene() -> None:
        server = await asyncio.start_server(garbled, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        practice = OnRedis(RedisServer(Path(), port))
        for expected in ("fwd=uri-miss", "hit"):
            assert expected in status(await practice.get())
        assert practice.shared.is_down
        await practice.aclose()
        server.close()

    with capture_logs() as lines:
        asyncio.run(scene())
    assert [each["event"] for each in lines] == ["shared-store-down"]


def test_a_redis_that_wants_a_password_fails_no_request() -> None:
    async def scene(server: RedisServer) -> None:
        practice = OnRedis(server)
        for expected in ("fwd=uri-miss", "hit"):
            assert expected in status(await practice.get())
        assert "AuthenticationError" in await practice.shared.problem()
        await practice.aclose()

    with redis_server("--requirepass", "synthetic") as server, capture_logs():
        asyncio.run(scene(server))
