"""One leader among replicas: the others wait for what it keeps, and take over when it is gone."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from secrets import token_hex
from typing import TypeVar

from gateway.stores.store import Store

T = TypeVar("T")

#: Seconds between two looks, at first and at most.
_SOON, _LATER = 0.02, 0.2


async def led(
    store: Store,
    name: str,
    seconds: float,
    found: Callable[[], Awaitable[T | None]],
    ask: Callable[[], Awaitable[T]],
) -> T:
    """What another leader kept meanwhile, or what asking gives; raises what asking raises.

    The lease lasts `seconds` and is renewed while its holder lives, so that a leader that was killed delays
    the others by no more than that.
    """
    holder, pause = token_hex(8), _SOON
    while not await store.claim(name, holder, seconds):
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, _LATER)
        kept = await found()
        if kept is not None:
            return kept
    async with held(store, name, holder, seconds):
        kept = await found()
        return await ask() if kept is None else kept


@asynccontextmanager
async def held(store: Store, name: str, holder: str, seconds: float) -> AsyncIterator[None]:
    """A claimed lease: renewed as long as the block lasts, then given back."""
    renewing = asyncio.get_running_loop().create_task(_renewed(store, name, holder, seconds))
    try:
        yield
    finally:
        renewing.cancel()
        await store.release(name, holder)


async def _renewed(store: Store, name: str, holder: str, seconds: float) -> None:
    while True:
        await asyncio.sleep(seconds / 3)
        await store.claim(name, holder, seconds)
