"""Channel of a process that is alone."""

import pytest

from gateway.stores.channel import NoChannel


@pytest.mark.anyio
async def test_process_alone_misses_nothing() -> None:
    channel, received = NoChannel(), []
    channel.set_listener(received.append)
    await channel.publish(b"message")
    assert channel.is_current()
    assert received == []
