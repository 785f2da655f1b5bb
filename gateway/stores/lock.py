"""Leader election among replicas: followers wait for the leader's result, and replace a crashed leader."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from secrets import token_hex
from time import monotonic
from typing import Generic, Protocol, TypeVar

from gateway.stores.base import Store


class Result(Protocol):
    """Result of a leader; `is_stored`: followers find it in the store."""

    @property
    def is_stored(self) -> bool: ...  # noqa: D102 - see above


T = TypeVar("T", bound=Result)

#: Seconds between two attempts to get the lock: the first wait, and the longest.
_INITIAL_POLL_SECONDS, _MAX_POLL_SECONDS = 0.02, 0.2
#: Seconds that a follower waits at most: then each process runs the function once, as without replicas.
MAX_WAIT_SECONDS = 5.0
#: Seconds that a leader's end without a stored result is marked: longer than followers need to see it.
_MARK_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class _Call(Generic[T]):
    name: str
    holder: str
    find_result: Callable[[], Awaitable[T | None]]
    function: Callable[[bool], Awaitable[T]]

    @property
    def mark(self) -> str:
        """Name of the mark that the last leader ended without a stored result."""
        return f"{self.name}/ended"


class LeaderElection(Generic[T]):
    """Lets one of several processes run a function, whose stored result the others wait for.

    The lock lasts `seconds` and its holder renews it, so a crashed leader delays the followers by no more
    than that. A follower waits `longest_wait` seconds at most.
    """

    def __init__(self, store: Store, seconds: float, longest_wait: float = MAX_WAIT_SECONDS) -> None:
        self._store = store
        self._seconds = seconds
        self._longest_wait = longest_wait
        #: Names under which this process leads.
        self._led_names: set[str] = set()

    async def run(
        self,
        name: str,
        max_wait: float,
        find_result: Callable[[], Awaitable[T | None]],
        function: Callable[[bool], Awaitable[T]],
    ) -> T:
        """Return the result stored by another leader, else that of the function; pass on its exceptions.

        The function is told whether it had to wait. It runs without the lock after `max_wait` seconds, and
        when a leader has ended meanwhile without a stored result: followers must not wait in line for each
        other. A leader in this process is not waited for: whoever can share its call has joined it.
        """
        if name in self._led_names:
            return await function(False)
        call = _Call(name, token_hex(8), find_result, function)
        if await self._acquire(call):
            return await self._lead(call, has_waited=False)
        return await self._follow(call, monotonic() + min(max_wait, self._longest_wait))

    async def _follow(self, call: _Call[T], deadline: float) -> T:
        """Wait until there is a result, the leader ends, or time is up."""
        earlier_mark, poll_seconds = await self._store.get(call.mark), _INITIAL_POLL_SECONDS
        while monotonic() < deadline:
            await asyncio.sleep(poll_seconds)
            poll_seconds = min(poll_seconds * 1.5, _MAX_POLL_SECONDS)
            mark = await self._store.get(call.mark)  # before the result, which is stored first
            result = await call.find_result()
            if result is not None:
                return result
            if mark not in (None, earlier_mark):
                break
            if await self._acquire(call):
                return await self._lead(call, has_waited=True)
        return await call.function(True)

    async def _lead(self, call: _Call[T], *, has_waited: bool) -> T:
        async with hold_lock(self._store, call.name, call.holder, self._seconds):
            result = await call.find_result()
            if result is not None:
                return result
            self._led_names.add(call.name)
            try:
                return await self._run_function(call, has_waited=has_waited)
            finally:
                self._led_names.discard(call.name)

    async def _run_function(self, call: _Call[T], *, has_waited: bool) -> T:
        """Run the function; without a stored result, leave a mark before the lock is released."""
        is_stored = False
        try:
            result = await call.function(has_waited)
            is_stored = result.is_stored
            return result
        finally:
            if not is_stored:
                await self._store.set(call.mark, call.holder.encode(), _MARK_SECONDS)

    async def _acquire(self, call: _Call[T]) -> bool:
        return await self._store.acquire_lock(call.name, call.holder, self._seconds)


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
