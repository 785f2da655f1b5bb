"""Parent of several workers; tests/cli/test_serve_workers.py has the signals, with real workers."""

import gc
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from support.stopwatch import Stopwatch

from gateway.server.worker import READY
from gateway.server.worker_group import ServeWorker, WorkerGroup, WorkerStartError


@pytest.fixture(scope="module", autouse=True)
def own_memory() -> Iterator[None]:
    """Collect, after the last test, what a group has excluded from garbage collection."""
    yield
    gc.unfreeze()
    gc.collect()
    gc.freeze()


class Calls(list[str]):
    """What the group has called."""


def group_of(serve: ServeWorker, calls: Calls, count: int = 2, *, ends_after: str = "") -> WorkerGroup:
    """A group that gets SIGTERM once it has made a call; deaths are numbered."""

    def note(call: str) -> None:
        calls.append(call)
        if call == ends_after:
            os.kill(os.getpid(), signal.SIGTERM)

    return WorkerGroup(
        count,
        serve,
        lambda: note("ready"),
        lambda: note("release"),
        drain_seconds=0,
        on_death=lambda number: note(f"death {len(calls)} of {number}"),
    )


def wait_for_signal(number: int, status: int, lifeline: int) -> None:
    """Serve until SIGTERM."""
    del number
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    os.write(status, READY)
    os.read(lifeline, 1)


def test_group_is_ready_once_and_ends_with_code_0() -> None:
    calls = Calls()
    assert group_of(wait_for_signal, calls, ends_after="ready").run() == 0
    assert calls == ["ready", "release"]


def child_processes() -> set[str]:
    """Ids of this process's children: other tests of it may keep servers."""
    pid = os.getpid()
    return set(Path(f"/proc/{pid}/task/{pid}/children").read_text().split())


def test_error_of_a_worker_ends_all() -> None:
    def serve(number: int, status: int, lifeline: int) -> None:
        if number == 2:
            raise ValueError("no room")
        wait_for_signal(number, status, lifeline)

    calls, before = Calls(), child_processes()
    with pytest.raises(WorkerStartError, match=r"^no room$"):
        group_of(serve, calls).run()
    assert calls == ["release"]
    assert child_processes() <= before


def test_worker_that_ends_before_it_is_ready_is_an_error() -> None:
    with pytest.raises(WorkerStartError, match=r"^worker 1 ended while it started, exit code 3$"):
        group_of(lambda *_: os._exit(3), Calls(), 1).run()


def test_worker_that_ignores_the_signal_is_killed() -> None:
    def serve(number: int, status: int, lifeline: int) -> None:
        del number
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        os.write(status, READY)
        os.read(lifeline, 1)

    group = group_of(serve, Calls(), ends_after="ready")
    group.extra_seconds = 0.3
    assert group.run() == 1


def test_worker_that_dies_again_and_again_is_replaced_more_slowly() -> None:
    group_is_ready, tell_ready = os.pipe()

    def serve(number: int, status: int, lifeline: int) -> None:
        if number == 1:
            os.write(status, READY)
            os.read(group_is_ready, 1)
            os._exit(9)
        wait_for_signal(number, status, lifeline)

    def on_ready() -> None:
        os.write(tell_ready, bytes(9))

    calls = Calls()
    group = group_of(serve, calls, ends_after="death 3 of 1")
    group.on_ready = on_ready
    with capture_logs() as lines, Stopwatch() as wait:
        assert group.run() == 0
    os.close(tell_ready)
    os.close(group_is_ready)
    assert calls == [*(f"death {number} of 1" for number in range(4)), "release"]
    ended = {"event": "worker-ended", "number": 1, "exit_code": 9, "log_level": "error"}
    assert lines == [ended] * 4
    assert wait.elapsed > 0.7  # at once, after 0.2 s and after 0.5 s
    assert wait.seconds < 5
