"""Queue of rewrites: one at a time, bounded, and a bug leaves the command alone."""

import asyncio
from threading import Event, current_thread, main_thread
from time import sleep

import pytest
from structlog.testing import capture_logs

from gateway.errors.failure import Failure
from gateway.repairs.rewrite_queue import MAX_COMMANDS, MAX_COMMANDS_OF_CALLER, RewriteQueue, contains
from gateway.sql.reasons import Reason
from gateway.sql.rewrite import LeftAlone, Rewritten, Scope

pytestmark = pytest.mark.anyio


class Gate:
    """A rewrite that waits until it is opened, and counts how many run."""

    def __init__(self) -> None:
        self.opened = Event()
        self.running = self.most = 0
        self.bodies: list[bytes] = []

    def __call__(self, body: bytes, scope: Scope) -> Rewritten | LeftAlone:
        assert current_thread() is not main_thread()
        self.running += 1
        self.most = max(self.most, self.running)
        self.opened.wait(10)
        sleep(0.002)  # time for another, if it may run
        self.running -= 1
        self.bodies.append(body)
        return Rewritten(body + scope.encode(), "")


async def started(queue: RewriteQueue, callers: list[str]) -> list[asyncio.Task[Rewritten | LeftAlone]]:
    tasks = [
        asyncio.create_task(queue.rewrite(b"%d" % number, "large", caller))
        for number, caller in enumerate(callers)
    ]
    await asyncio.sleep(0.01)
    return tasks


async def test_commands_are_rewritten_one_after_the_other() -> None:
    gate = Gate()
    gate.opened.set()
    queue = RewriteQueue(gate)
    found = await asyncio.gather(*(queue.rewrite(b"%d" % number, "all", f"c{number}") for number in range(9)))
    assert found == [Rewritten(b"%dall" % number, "") for number in range(9)]
    assert gate.most == 1


async def test_one_more_of_a_caller_than_may_wait_is_rejected() -> None:
    gate = Gate()
    queue = RewriteQueue(gate)
    tasks = await started(queue, ["a"] * MAX_COMMANDS_OF_CALLER)
    with pytest.raises(Failure) as raised:
        await queue.rewrite(b"", "large", "a")
    assert (raised.value.kind.status, raised.value.retry_after) == (503, 5)
    tasks += await started(queue, ["b"])
    gate.opened.set()
    assert len(await asyncio.gather(*tasks)) == MAX_COMMANDS_OF_CALLER + 1
    assert await queue.rewrite(b"", "large", "a") == Rewritten(b"large", "")


async def test_one_more_than_may_wait_is_rejected() -> None:
    gate = Gate()
    queue = RewriteQueue(gate)
    tasks = await started(queue, [str(number) for number in range(MAX_COMMANDS)])
    with pytest.raises(Failure, match="overloaded"):
        await queue.rewrite(b"", "large", "another")
    gate.opened.set()
    await asyncio.gather(*tasks)


async def test_command_of_a_client_that_left_is_not_rewritten() -> None:
    gate = Gate()
    queue = RewriteQueue(gate)
    first, second = await started(queue, ["a", "b"])
    second.cancel()
    with pytest.raises(asyncio.CancelledError):
        await second
    gate.opened.set()
    await first
    assert await queue.rewrite(b"third", "all", "b") == Rewritten(b"thirdall", "")
    assert gate.bodies == [b"0", b"third"]


async def test_bug_leaves_the_command_alone_and_is_logged() -> None:
    def fail(body: bytes, scope: Scope) -> Rewritten | LeftAlone:
        raise ValueError(body)

    with capture_logs() as logs:
        assert await RewriteQueue(fail).rewrite(b"Zzyzx", "all", "a") == LeftAlone(Reason.NOT_PROVED)
    assert [line["event"] for line in logs] == ["sql-rewrite-failed"]
    assert "Zzyzx" not in str(logs)


@pytest.mark.parametrize("position", [0, 262_140, 262_144, 600_000])
async def test_words_are_found_across_pieces(position: int) -> None:
    body = b"x" * position + b"storedProcedure" + b"x" * 300_000
    assert await contains(body, b"storedProcedure")
    assert not await contains(body, b"storedprocedure")


async def test_other_tasks_run_while_a_large_body_is_searched() -> None:
    turns = 0

    async def count_turns() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(count_turns())
    assert not await contains(b"x" * 3_000_000, b"y")
    counting.cancel()
    assert turns >= 10
