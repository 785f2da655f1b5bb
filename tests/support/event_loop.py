"""Waiting by iterations of the event loop, because time would be unreliable on a busy machine."""

import asyncio


async def turns(number: int = 100) -> None:
    """Run the event loop until everything is done that waits neither for time nor for sockets."""
    for _ in range(number):
        await asyncio.sleep(0)
