"""The end of a process: parts at once, within one time."""

import asyncio
from collections.abc import Mapping, Sequence

import pytest
from structlog.testing import capture_logs
from support.stopwatch import Stopwatch

from gateway.server.exit_stacks import ExitStacks

pytestmark = pytest.mark.anyio


def late_parts(lines: Sequence[Mapping[str, object]]) -> list[object]:
    """Parts that each line names; a thread of another test may write other lines."""
    return [line["parts"] for line in lines if line["event"] == "shutdown-cut-short"]


async def test_parts_close_at_once_each_in_its_own_order() -> None:
    stacks, ended = ExitStacks(), list[str]()

    async def close(name: str, seconds: float) -> None:
        await asyncio.sleep(seconds)
        ended.append(name)

    stacks["ledger"].push_async_callback(close, "second of ledger", 0.5)
    stacks["ledger"].push_async_callback(close, "first of ledger", 0.5)
    stacks["traces"].push_async_callback(close, "traces", 0.75)
    with Stopwatch() as wait, capture_logs() as lines:
        await stacks.aclose()
    assert ended == ["first of ledger", "traces", "second of ledger"]
    assert wait.seconds < 1.5
    assert late_parts(lines) == []


async def test_part_that_takes_too_long_is_cut_off_and_named() -> None:
    stacks, ended = ExitStacks(), list[str]()

    async def end() -> None:
        ended.append("store")

    stacks["store"].push_async_callback(end)
    stacks["traces"].push_async_callback(asyncio.sleep, 60)
    with capture_logs() as lines:
        await stacks.aclose(0.1)
    assert ended == ["store"]
    assert late_parts(lines) == [["traces"]]


async def test_error_of_one_part_keeps_no_other_from_its_end() -> None:
    stacks, ended = ExitStacks(), list[str]()

    async def fail() -> None:
        raise OSError("gone")

    async def end() -> None:
        await asyncio.sleep(0.05)
        ended.append("store")

    stacks["ledger"].push_async_callback(fail)
    stacks["store"].push_async_callback(end)
    with pytest.raises(OSError, match="gone"):
        await stacks.aclose()
    assert ended == ["store"]


async def test_nothing_to_close_is_no_error() -> None:
    await ExitStacks().aclose()
