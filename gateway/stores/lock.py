"""One leader among replicas: the others wait for what it keeps, and take over when it is gone."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from secrets import token_hex
from time import monotonic
from typing import TypeVar

from gateway.stores.base import Store

T = TypeVar("T")

#: Seconds between two looks, at first and at most.
_INITIAL_POLL_SECONDS, _MAX_POLL_SECONDS = 0.02, 0.2
#: Seconds after which one who waits asks all the same, whatever holds the leader up.
_MAX_WAIT_SECONDS = 90.0


async def run_as_leader(
    store: Store,
    name: str,
    seconds: float,
    find_result: Callable[[], Awaitable[T | None]],
    function: Callable[[], Awaitable[T]],
) -> T:
    """What another leader kept meanwhile, or what asking gives; raises what asking raises.

    The lease lasts `seconds` and is renewed while its holder lives, so that a leader that was killed delays
    the others by no more than that.
    """
    holder, pause, ends = token_hex(8), _INITIAL_POLL_SECONDS, monotonic() + _MAX_WAIT_SECONDS
    while not await store.acquire_lock(name, holder, seconds) and monotonic() < ends:
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, _MAX_POLL_SECONDS)
        kept = await find_result()
        if kept is not None:
            return kept
    async with hold_lock(store, name, holder, seconds):
        kept = await find_result()
        return await function() if kept is None else kept


@asynccontextmanager
async def hold_lock(store: Store, name: str, holder: str, seconds: float) -> AsyncIterator[None]:
    """A claimed lease: renewed as long as the block lasts, then given back.

    The renewing is told to end and waited for, not cancelled: what has been sent to a store may still claim
    after the release, and a store's client can swallow the cancellation (`asyncio.wait_for` until 3.12).
    """
    over = asyncio.Event()
    renewing = asyncio.get_running_loop().create_task(_renew_lock(store, name, holder, seconds, over))
    try:
        yield
    finally:
        over.set()
        await renewing
        await store.release_lock(name, holder)


async def _renew_lock(store: Store, name: str, holder: str, seconds: float, stop: asyncio.Event) -> None:
    while not stop.is_set():
        try:
            async with asyncio.timeout(seconds / 3):
                await stop.wait()
        except TimeoutError:
            await store.acquire_lock(name, holder, seconds)
