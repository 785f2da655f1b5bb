"""Parent of several workers; tests/cli/test_serve_workers.py has the signals, with real workers."""

import gc
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from gateway.server.worker import READY
from gateway.server.worker_group import ServeWorker, WorkerGroup, WorkerStartError


@pytest.fixture(autouse=True)
def own_memory() -> Iterator[None]:
    yield
    gc.unfreeze()


class Calls(list[str]):
    """What the group has called."""


def group_of(serve: ServeWorker, calls: Calls, count: int = 2) -> WorkerGroup:
    return WorkerGroup(
        count,
        serve,
        lambda: calls.append("ready"),
        lambda: calls.append("release"),
        drain_seconds=0,
        on_death=lambda number: calls.append(f"death of {number}"),
    )


def wait_for_signal(number: int, status: int, lifeline: int) -> None:
    """Serve until SIGTERM."""
    del number
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    os.write(status, READY)
    os.read(lifeline, 1)


def send_later(seconds: float) -> None:
    threading.Timer(seconds, os.kill, (os.getpid(), signal.SIGTERM)).start()


def test_group_is_ready_once_and_ends_with_code_0() -> None:
    calls = Calls()
    send_later(0.5)
    assert group_of(wait_for_signal, calls).run() == 0
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

    group = group_of(serve, Calls())
    group.extra_seconds = 0.3
    send_later(0.5)
    assert group.run() == 1


def test_worker_that_dies_again_and_again_is_replaced_more_slowly() -> None:
    def serve(number: int, status: int, lifeline: int) -> None:
        if number == 1:
            os.write(status, READY)
            time.sleep(0.05)
            os._exit(9)
        wait_for_signal(number, status, lifeline)

    calls = Calls()
    send_later(2.0)
    with capture_logs() as lines:
        assert group_of(serve, calls).run() == 0
    assert calls.count("death of 1") == len(lines)
    assert {(line["event"], line["number"], line["exit_code"]) for line in lines} == {("worker-ended", 1, 9)}
    assert 3 <= len(lines) <= 5
