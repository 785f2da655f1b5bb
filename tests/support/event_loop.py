"""Letting others go first, by turns of the event loop: a clock would be at the mercy of a busy machine."""

import asyncio


async def turns(number: int = 100) -> None:
    """Everything that can go on without waiting for time or sockets has gone on."""
    for _ in range(number):
        await asyncio.sleep(0)
