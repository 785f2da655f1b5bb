"""Work that ends when its client disconnects, or when the gateway shuts down."""

import asyncio

import pytest
from starlette.types import Message

from gateway.errors.catalog import GATEWAY_SHUTDOWN
from gateway.errors.failure import Failure
from gateway.web.client_connection import run_until_shutdown, run_while_connected

pytestmark = pytest.mark.anyio


class Client:
    """Sends the end of its body, and disconnects when the test says so."""

    def __init__(self) -> None:
        self.has_left = asyncio.Event()
        self._messages: list[Message] = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive(self) -> Message:
        if self._messages:
            return self._messages.pop()
        await self.has_left.wait()
        return {"type": "http.disconnect"}


async def test_result_of_work_is_returned() -> None:
    async def work() -> int:
        return 7

    before = asyncio.all_tasks()
    assert await run_while_connected(Client().receive, work()) == 7
    assert asyncio.all_tasks() == before


async def test_disconnect_cancels_the_work() -> None:
    client, cancelled = Client(), asyncio.Event()

    async def work() -> int:
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            cancelled.set()
            raise
        return 7

    running = asyncio.create_task(run_while_connected(client.receive, work()))
    await asyncio.sleep(0.01)
    assert not running.done()
    client.has_left.set()
    assert await asyncio.wait_for(running, 20) is None
    assert cancelled.is_set()


async def test_exception_of_work_is_raised() -> None:
    async def work() -> int:
        raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011 - no text to match
        await run_while_connected(Client().receive, work())


async def test_cancelled_caller_leaves_no_task() -> None:
    before = asyncio.all_tasks()
    running = asyncio.create_task(run_while_connected(Client().receive, asyncio.sleep(30)))
    await asyncio.sleep(0.01)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert asyncio.all_tasks() == before


@pytest.mark.parametrize(("has_ended", "expected"), [(True, Failure), (False, asyncio.CancelledError)])
async def test_cancelled_work_fails_only_at_shutdown(has_ended: bool, expected: type[BaseException]) -> None:
    waiting = run_until_shutdown(asyncio.sleep(30), lambda: has_ended, lambda: Failure(GATEWAY_SHUTDOWN))
    task = asyncio.ensure_future(waiting)
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(expected):
        await task


async def test_failure_of_work_is_passed_on() -> None:
    async def work() -> int:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await run_until_shutdown(work(), lambda: True, lambda: Failure(GATEWAY_SHUTDOWN))
