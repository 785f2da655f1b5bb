"""Queue of rewrites: each in its turn, small ones beside large ones, and a bug leaves the command alone."""

import asyncio
from threading import Event, current_thread, main_thread
from time import sleep

import pytest
from structlog.testing import capture_logs
from support.sql import sql_request

from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest
from gateway.http.proved_callers import caller_of
from gateway.repairs.rewrite_queue import (
    MAX_COMMANDS,
    MAX_SMALL_COMMAND,
    RewriteQuery,
    RewriteQueue,
    contains,
    has_only_short_strings,
)
from gateway.sql.reasons import Reason
from gateway.sql.rewrite import LeftAlone, Rewritten, Scope

pytestmark = pytest.mark.anyio

LARGE = b"x" * (MAX_SMALL_COMMAND + 1)
Tasks = list[asyncio.Task[Rewritten | LeftAlone]]


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
        self.bodies.append(body.lstrip(b"x"))
        return Rewritten(body.lstrip(b"x") + scope.encode(), "")


def queue_of(rewrite: RewriteQuery, max_wait: float = 10.0, min_wait: float = 1.0) -> RewriteQueue:
    """Queue that takes callers for proved whose names do not begin with `?`."""
    return RewriteQueue(lambda request: caller_of(request)[:1] != "?", lambda _: max_wait, rewrite, min_wait)


def command(caller: str, body: bytes) -> FhirRequest:
    """Command of a caller; an unproved one is named `?`, a space and its address."""
    return sql_request("immediate", body).replace(caller=caller, client_address=caller.rpartition(" ")[2])


async def started(queue: RewriteQueue, *commands: tuple[str, bytes]) -> Tasks:
    tasks = [asyncio.create_task(queue.rewrite(command(*each), "large")) for each in commands]
    await asyncio.sleep(0.01)
    return tasks


async def test_commands_are_rewritten_one_after_the_other() -> None:
    gate = Gate()
    gate.opened.set()
    queue = queue_of(gate)
    found = await asyncio.gather(*(queue.rewrite(command("a", b"%d" % n), "all") for n in range(40)))
    assert found == [Rewritten(b"%dall" % number, "") for number in range(40)]
    assert gate.most == 1


async def test_small_command_does_not_wait_for_large_ones() -> None:
    gate = Gate()

    def rewrite(body: bytes, scope: Scope) -> Rewritten | LeftAlone:
        return gate(body, scope) if len(body) > MAX_SMALL_COMMAND else LeftAlone(Reason.NOT_NEEDED)

    queue = queue_of(rewrite)
    tasks = await started(queue, *[("a", LARGE)] * 8)
    small = b"x" * MAX_SMALL_COMMAND
    found = await asyncio.gather(*(queue.rewrite(command("a", small), "all") for _ in range(10)))
    assert found == [LeftAlone(Reason.NOT_NEEDED)] * 10
    gate.opened.set()
    await asyncio.gather(*tasks)


@pytest.mark.parametrize("prefix", [b"", LARGE])
async def test_proved_callers_come_first_and_all_in_turn(prefix: bytes) -> None:
    gate = Gate()
    queue = queue_of(gate)
    order = ["? 1", "? 1", "? 1", "?b 1", "?c 2", "a", "a", "b"]
    tasks = await started(queue, *((name, prefix + b"%d" % n) for n, name in enumerate(order)))
    gate.opened.set()
    await asyncio.gather(*tasks)
    assert gate.bodies == [b"0", b"5", b"7", b"6", b"1", b"4", b"2", b"3"]


async def test_command_whose_turn_does_not_come_is_rejected() -> None:
    gate = Gate()
    queue = queue_of(gate, max_wait=-3, min_wait=0.01)
    tasks = await started(queue, ("a", b"0"))
    with pytest.raises(Failure) as raised:
        await queue.rewrite(command("a", b"1"), "large")
    assert (raised.value.kind.code, raised.value.retry_after) == ("overloaded", 5)
    gate.opened.set()
    await asyncio.gather(*tasks)
    assert await queue.rewrite(command("a", b"2"), "large") == Rewritten(b"2large", "")
    assert gate.bodies == [b"0", b"2"]


async def test_command_waits_a_while_also_after_its_deadline() -> None:
    gate = Gate()
    queue = queue_of(gate, max_wait=-3, min_wait=20)
    tasks = await started(queue, ("a", b"0"), ("a", b"1"))
    gate.opened.set()
    assert len(await asyncio.gather(*tasks)) == 2


@pytest.mark.parametrize("names", [["a"], ["? 1"], ["? 1", "? 2", "? 3"]])
async def test_one_caller_and_all_unproved_have_half(names: list[str]) -> None:
    gate = Gate()
    queue = queue_of(gate)
    most = MAX_COMMANDS // 2
    tasks = await started(queue, *((names[n % len(names)], b"") for n in range(most + 1)))
    with pytest.raises(Failure, match="overloaded"):
        await queue.rewrite(command(names[0], b""), "large")
    tasks += await started(queue, ("b", b"last"))
    await stopped(gate, tasks)


async def test_one_more_than_may_wait_is_rejected() -> None:
    gate = Gate()
    queue = queue_of(gate)
    tasks = await started(queue, *((str(n), b"") for n in range(MAX_COMMANDS + 1)))
    with pytest.raises(Failure, match="overloaded"):
        await queue.rewrite(command("another", b""), "large")
    await stopped(gate, tasks)


async def stopped(gate: Gate, tasks: Tasks) -> None:
    """End the first command; the others were not rejected, and leave."""
    assert not any(task.done() for task in tasks)
    for task in tasks[1:]:
        task.cancel()
    gate.opened.set()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert len(gate.bodies) == 1


@pytest.mark.parametrize("at_once", [True, False])
async def test_command_of_a_client_that_left_is_not_rewritten(at_once: bool) -> None:
    gate = Gate()
    queue = queue_of(gate)
    first, second, _ = tasks = await started(queue, ("a", b"0"), ("b", b"1"), ("c", b"2"))
    if at_once:  # its turn comes while it leaves
        gate.opened.set()
        await first
    second.cancel()
    gate.opened.set()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert second.cancelled()
    assert await queue.rewrite(command("b", b"third"), "all") == Rewritten(b"thirdall", "")
    assert gate.bodies[-2:] == [b"2", b"third"]


async def test_bug_leaves_the_command_alone_and_is_logged() -> None:
    def fail(body: bytes, scope: Scope) -> Rewritten | LeftAlone:
        raise ValueError(body)

    with capture_logs() as logs:
        assert await queue_of(fail).rewrite(command("a", b"Zzyzx"), "all") == LeftAlone(Reason.NOT_PROVED)
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


@pytest.mark.parametrize(
    ("body", "is_short"),
    [
        (b"x" * 100, True),
        (b'{"a":"' + b"x" * 100 + b'","b":"y"}' * 2_000, True),
        (b'{"a":"' + b"x" * 101 + b'"}', False),
        (b'{"a":"' + b"x" * 80 + b'\\"' + b"x" * 80 + b'"}', False),
        (b'["",' * 20_000, False),
    ],
)
def test_only_a_small_body_is_searched_for_long_strings(body: bytes, is_short: bool) -> None:
    assert has_only_short_strings(body, 100) is is_short
