"""Functions in a thread of their own."""

import asyncio
import threading

import pytest

from gateway.own_thread import run_in_own_thread

pytestmark = pytest.mark.anyio


async def test_own_thread_waits_for_no_other_and_holds_nobody() -> None:
    hold, threads = threading.Event(), list[threading.Thread]()
    blocked = [asyncio.ensure_future(asyncio.to_thread(hold.wait)) for _ in range(64)]
    try:
        async with asyncio.timeout(5):
            await run_in_own_thread(lambda: threads.append(threading.current_thread()))
    finally:
        hold.set()
        await asyncio.gather(*blocked)
    assert threads[0].daemon


async def test_own_thread_returns_the_result_or_raises() -> None:
    assert await run_in_own_thread(lambda: 7) == 7
    with pytest.raises(ZeroDivisionError):
        await run_in_own_thread(lambda: 1 // 0)


async def test_own_thread_that_nobody_waits_for_ends_without_error() -> None:
    begun, hold, threads = threading.Event(), threading.Event(), list[threading.Thread]()

    def wait() -> None:
        threads.append(threading.current_thread())
        begun.set()
        hold.wait(20)

    waiting = asyncio.ensure_future(run_in_own_thread(wait))
    assert await asyncio.to_thread(begun.wait, 5)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    hold.set()
    await asyncio.to_thread(threads[0].join, 5)
    assert not threads[0].is_alive()
