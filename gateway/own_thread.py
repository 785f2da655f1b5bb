"""Functions in a thread of their own, which does not keep the process from its end."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from threading import Thread
from typing import TypeVar

T = TypeVar("T")


async def run_in_own_thread(function: Callable[[], T]) -> T:
    """Return a function's result from a thread that neither waits for others nor is waited for at the end."""
    result = Future[T]()

    def run() -> None:
        with suppress(RuntimeError, InvalidStateError):  # the loop has ended, or nobody waits: too late
            try:
                value = function()
            except BaseException as error:  # noqa: BLE001 - for the caller
                result.set_exception(error)
            else:
                result.set_result(value)

    Thread(target=run, daemon=True).start()
    return await asyncio.wrap_future(result)
