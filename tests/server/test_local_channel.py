"""Channel between workers: rings in shared memory."""

import os

import pytest

from gateway.server.local_channel import LocalChannel, SharedRings


class Received(list[bytes]):
    """Messages that a listener was called with."""


def fail() -> None:
    raise AssertionError("no message was overwritten")


def channels(count: int = 2, ring_bytes: int = 4_096) -> tuple[list[LocalChannel], list[Received]]:
    rings = SharedRings(count, ring_bytes)
    made, received = [LocalChannel(rings, number, fail) for number in range(count)], []
    for channel in made:
        received.append(Received())
        channel.set_listener(received[-1].append)
    return made, received


@pytest.mark.anyio
async def test_message_reaches_all_others_before_they_are_current() -> None:
    (first, second, third), received = channels(3)
    await first.publish(b"write")
    assert [second.is_current(), third.is_current(), first.is_current()] == [False, False, True]
    assert received == [[], [b"write"], [b"write"]]
    assert [second.is_current(), third.is_current()] == [True, True]


@pytest.mark.anyio
async def test_messages_arrive_in_order_around_the_end_of_the_ring() -> None:
    (first, second), received = channels()
    sent = [b"%d" % number * (number % 60) for number in range(500)]
    for message in sent:
        await first.publish(message)
        second.receive()
    assert received[1] == sent


@pytest.mark.anyio
async def test_worker_that_missed_messages_is_never_current_again() -> None:
    rings, calls = SharedRings(2, 4_096), list[str]()
    first, second = LocalChannel(rings, 0, fail), LocalChannel(rings, 1, lambda: calls.append("behind"))
    for _ in range(100):
        await first.publish(b"a" * 100)
    assert (second.is_current(), calls) == (False, ["behind"])
    assert not second.is_current()


@pytest.mark.anyio
async def test_new_worker_starts_with_what_is_published_after_its_start() -> None:
    rings = SharedRings(2, 4_096)
    first = LocalChannel(rings, 0, fail)
    await first.publish(b"old")
    second, received = LocalChannel(rings, 1, fail), Received()
    second.set_listener(received.append)
    await first.publish(b"new")
    second.receive()
    assert received == [b"new"]


@pytest.mark.anyio
async def test_message_longer_than_its_share_is_refused() -> None:
    (first, _), _ = channels()
    with pytest.raises(ValueError, match="too long"):
        await first.publish(b"a" * 256)


def test_topics_have_their_own_listeners() -> None:
    (first, second), received = channels()
    topic = Received()
    second.set_topic_listener(b"t", topic.append)
    first.publish_now(b"t", b"state")
    first.publish_now(b"u", b"of nothing that listens")
    second.receive()
    assert (topic, received[1]) == ([b"state"], [])


def test_message_of_another_process_is_seen() -> None:
    rings = SharedRings(2, 4_096)
    second, received = LocalChannel(rings, 1, fail), Received()
    second.set_listener(received.append)
    pid = os.fork()
    if not pid:
        try:
            LocalChannel(rings, 0, fail).publish_now(b"\x00", b"write")
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
    assert not second.is_current()
    assert received == [b"write"]
