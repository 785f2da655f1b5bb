"""What a process closes at its end: all parts at once, so that none uses up the time of another."""

import asyncio
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Final

import structlog

_log = structlog.get_logger()
#: Seconds in which a process closes everything, after those of its requests. With the second in which late
#: requests are cut off, it ends within the five that `WorkerGroup` and operators give it.
END_SECONDS: Final = 3.0
#: Seconds in which a part that was cut off ends.
_CANCEL_SECONDS: Final = 0.2


class ExitStacks:
    """A stack for each part of a process, by name. The first one begins first."""

    def __init__(self) -> None:
        self._stacks: dict[str, AsyncExitStack] = {}

    def __getitem__(self, part: str) -> AsyncExitStack:
        """Return the stack of a part, which is created if it is missing."""
        return self._stacks.setdefault(part, AsyncExitStack())

    async def enter(self, part: str, context: AbstractAsyncContextManager[object]) -> None:
        """Open a context, which the end of its part closes."""
        await self[part].enter_async_context(context)

    async def aclose(self, seconds: float = END_SECONDS) -> None:
        """Close all parts at once; cut off those that take longer, and log their names.

        Raises the error of the first part that has one, once all have ended.
        """
        tasks = [asyncio.create_task(stack.aclose(), name=part) for part, stack in self._stacks.items()]
        if not tasks:
            return
        done, late = await asyncio.wait(tasks, timeout=seconds)
        if late:
            _log.error("shutdown-cut-short", parts=sorted(task.get_name() for task in late))
            for task in late:
                task.cancel()
            await asyncio.wait(late, timeout=_CANCEL_SECONDS)
        for task in tasks:
            if task in done:
                task.result()
