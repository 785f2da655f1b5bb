"""Leader election among replicas: followers wait for the leader's result, and replace a crashed leader."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from secrets import token_hex
from time import monotonic
from typing import TypeVar

from gateway.stores.base import Store

T = TypeVar("T")

#: Seconds between two attempts to get the lock: the first wait, and the longest.
_INITIAL_POLL_SECONDS, _MAX_POLL_SECONDS = 0.02, 0.2
#: Seconds after which a follower runs the function itself, even if the leader still holds the lock.
_MAX_WAIT_SECONDS = 90.0


async def run_as_leader(
    store: Store,
    name: str,
    seconds: float,
    find_result: Callable[[], Awaitable[T | None]],
    function: Callable[[], Awaitable[T]],
) -> T:
    """Return the result stored by another leader, else the result of the function; pass on its exceptions.

    The lock lasts `seconds` and its holder renews it, so a crashed leader delays the followers by no more
    than that.
    """
    holder, poll_seconds, deadline = token_hex(8), _INITIAL_POLL_SECONDS, monotonic() + _MAX_WAIT_SECONDS
    while not await store.acquire_lock(name, holder, seconds) and monotonic() < deadline:
        await asyncio.sleep(poll_seconds)
        poll_seconds = min(poll_seconds * 1.5, _MAX_POLL_SECONDS)
        result = await find_result()
        if result is not None:
            return result
    async with hold_lock(store, name, holder, seconds):
        result = await find_result()
        return await function() if result is None else result


@asynccontextmanager
async def hold_lock(store: Store, name: str, holder: str, seconds: float) -> AsyncIterator[None]:
    """Renew an acquired lock as long as the block lasts, then release it.

    The renewal is stopped by an event and awaited, not cancelled: a command already sent may acquire the
    lock after the release, and a client may swallow the cancellation (`asyncio.wait_for` until 3.12).
    """
    stop = asyncio.Event()
    renewal = asyncio.get_running_loop().create_task(_renew_lock(store, name, holder, seconds, stop))
    try:
        yield
    finally:
        stop.set()
        await renewal
        await store.release_lock(name, holder)


async def _renew_lock(store: Store, name: str, holder: str, seconds: float, stop: asyncio.Event) -> None:
    while not stop.is_set():
        try:
            async with asyncio.timeout(seconds / 3):
                await stop.wait()
        except TimeoutError:
            await store.acquire_lock(name, holder, seconds)
