"""Messages through a real Redis: delay, outages, and what is no message."""

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from time import monotonic

import pytest
from redis import Redis
from structlog.testing import capture_logs
from support.redis_groups import KINDS, ClusterGroup, RedisGroup, SharedGroups
from support.redis_server import RedisServer, redis_server

from gateway.stores.channel import MESSAGES_LOST
from gateway.stores.redis_channel import MAX_DELAY, RedisChannel

pytestmark = pytest.mark.anyio


@pytest.fixture(params=KINDS)
def redis(request: pytest.FixtureRequest, redis_groups: SharedGroups) -> Iterator[RedisServer | RedisGroup]:
    with redis_groups.of_kind(request.param) as servers:
        yield servers


def listening_channel(redis: RedisServer | RedisGroup) -> tuple[RedisChannel, list[bytes]]:
    channel, messages = RedisChannel(redis.url), list[bytes]()
    channel.set_listener(messages.append)
    return channel, messages


async def wait_until(condition: Callable[[], bool], seconds: float = 8.0) -> None:
    end = monotonic() + seconds
    while not condition():
        assert monotonic() < end, "it did not come true"
        await asyncio.sleep(0.01)


async def test_message_reaches_the_others_in_order(redis: RedisServer | RedisGroup) -> None:
    (first, own), (second, messages) = listening_channel(redis), listening_channel(redis)
    assert not second.is_current()
    async with first, second:
        await wait_until(lambda: first.is_current() and second.is_current())
        assert set(messages) == {MESSAGES_LOST}
        own.clear()
        messages.clear()
        for number in range(20):
            await first.publish(b"%d" % number)
        await wait_until(lambda: len(messages) == 20)
        assert messages == [b"%d" % number for number in range(20)]
        assert own == []
        await wait_until(second.is_current)
    assert not second._tasks[0].cancelled() or second._tasks[0].done()


async def test_frozen_redis_makes_nobody_current(redis: RedisServer | RedisGroup) -> None:
    (first, _), (second, messages) = listening_channel(redis), listening_channel(redis)
    async with first, second:
        await wait_until(lambda: first.is_current() and second.is_current())
        redis.signal(signal.SIGSTOP)
        frozen_at = monotonic()
        messages.clear()
        await first.publish(b"unsent")
        await asyncio.sleep(frozen_at + MAX_DELAY + 0.1 - monotonic())  # silence gives up a connection later
        assert not first.is_current()
        assert not second.is_current()
        redis.signal(signal.SIGCONT)
        await wait_until(lambda: second.is_current() and b"unsent" in messages)


async def test_restarted_redis_means_lost_messages(redis: RedisServer | RedisGroup) -> None:
    (first, own), (second, messages) = listening_channel(redis), listening_channel(redis)
    async with first, second:
        await wait_until(lambda: first.is_current() and second.is_current())
        redis.stop()
        await first.publish(b"late")
        own.clear()
        messages.clear()
        redis.start()
        await wait_until(lambda: MESSAGES_LOST in own and MESSAGES_LOST in messages)
        await wait_until(lambda: first.is_current() and second.is_current())
        await wait_until(lambda: not first._unsent)
        await first.publish(b"again")
        await wait_until(lambda: b"again" in messages)


async def test_sender_without_redis_sends_later_what_it_can_keep(redis: RedisServer | RedisGroup) -> None:
    (first, _), (second, messages) = listening_channel(redis), listening_channel(redis)
    async with second:
        await wait_until(second.is_current)
        redis.stop()
        for number in range(1_001):
            await first.publish(b"%d" % number)
        assert first._unsent == {MESSAGES_LOST, b"1000"}
        redis.start()
        await wait_until(second.is_current)
        messages.clear()
        async with first:
            await wait_until(lambda: set(messages) == {MESSAGES_LOST, b"1000"})


async def test_messages_pass_while_their_slot_moves(redis_groups: SharedGroups) -> None:
    with redis_groups.of_kind("cluster") as servers:
        assert isinstance(servers, ClusterGroup)
        (first, _), (second, messages) = listening_channel(servers), listening_channel(servers)
        async with first, second:
            await wait_until(lambda: first.is_current() and second.is_current())
            with ExitStack() as stack:
                servers.moving("halo-gateway/invalidations", stack)
                await first.publish(b"moving")
                await wait_until(lambda: b"moving" in messages)
                await asyncio.sleep(2 * MAX_DELAY)
                await wait_until(second.is_current)


async def test_broken_subscription_is_noticed(redis: RedisServer | RedisGroup) -> None:
    channel, messages = listening_channel(redis)
    async with channel:
        await wait_until(channel.is_current)
        messages.clear()
        for server in redis.servers if isinstance(redis, RedisGroup) else [redis]:
            with Redis.from_url(server.url) as client:
                client.client_kill_filter(_type="pubsub")
        await wait_until(lambda: MESSAGES_LOST in messages)
        await wait_until(channel.is_current)


@pytest.mark.parametrize("data", [b"", b"short", b"x" * 1_000_017])
async def test_bytes_that_are_no_message_are_ignored(redis: RedisServer | RedisGroup, data: bytes) -> None:
    channel, messages = listening_channel(redis)
    async with channel:
        await wait_until(channel.is_current)
        messages.clear()
        with redis.direct() as client:
            publish = client.spublish if "cluster" in redis.url else client.publish
            publish("halo-gateway/invalidations", data)
            publish(channel._heartbeat_name, data)
            publish("halo-gateway/invalidations", b"i" * 16 + b"whole")
        await wait_until(lambda: messages == [b"whole"])


CACHE_PAGE = Path(__file__).parents[2] / "docs/cache.md"


def acl_rules() -> list[str]:
    """Rules of the user on the page."""
    (line,) = (
        line for line in CACHE_PAGE.read_text().splitlines() if line.startswith("ACL SETUSER gateway ")
    )
    return line.split()[3:]


@pytest.mark.parametrize("refused", ["", "&halo-gateway/*", "+publish", "+subscribe", "+pexpire"])
async def test_user_of_the_page_may_use_the_channels(refused: str) -> None:
    rules = [rule for rule in acl_rules() if rule != refused]
    with redis_server() as server, capture_logs() as lines:
        with Redis.from_url(server.url) as admin:
            admin.execute_command("ACL", "SETUSER", "gateway", "resetchannels", *rules)
        url = server.url.replace("redis://", "redis://gateway:password@")
        async with RedisChannel(url) as channel:
            if not refused:
                await wait_until(channel.is_current)
                assert await channel.problem() == ""
            else:
                await wait_until(lambda: bool(lines))
                assert "&halo-gateway/*" in await channel.problem()
                await asyncio.sleep(0.6)
    assert [line["event"] for line in lines] == (["redis-channel-refused"] if refused else [])
