"""Work that ends when its client disconnects, or when the gateway shuts down."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from starlette.types import Receive

from gateway.errors.failure import Failure

T = TypeVar("T")


async def run_while_connected(receive: Receive, work: Coroutine[Any, Any, T]) -> T | None:
    """Return the result of the work; None if the client disconnects first, which cancels the work.

    The request's body must have been read.
    """
    working, watching = asyncio.create_task(work), asyncio.create_task(_wait_for_disconnect(receive))
    tasks = (working, watching)
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        return working.result() if working.done() else None
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


async def run_until_shutdown(
    work: Awaitable[T], has_ended: Callable[[], bool], failure_of_shutdown: Callable[[], Failure]
) -> T:
    """Return the result of the work. Raises Failure if the shutdown of the gateway cancels it."""
    try:
        return await work
    except asyncio.CancelledError:
        if not has_ended():
            raise
        raise failure_of_shutdown() from None


async def _wait_for_disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
