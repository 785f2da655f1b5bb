"""Parent of several workers: creates them, replaces one that dies, and ends all on SIGTERM.

Workers are forked, after everything is imported and before any thread or event loop exists: they start in
milliseconds and share the memory of the code. The parent never serves, so it can fork again at any time.
"""

import gc
import os
import selectors
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Final

import structlog

from gateway.server.shutdown_schedule import ShutdownSchedule
from gateway.server.worker import READY

_log = structlog.get_logger()

#: Seconds before a worker is replaced that died soon after its start, by the number of such deaths in a row.
_DELAYS: Final = (0.0, 0.2, 0.5, 1.0, 2.0, 5.0)
#: Seconds of life after which a death is no failure to start.
_STABLE_SECONDS: Final = 10.0
_MAX_STATUS_BYTES: Final = 4_096

#: Serves as the worker of this number until it ends: (number, status pipe, lifeline pipe).
ServeWorker = Callable[[int, int, int], None]


class WorkerStartError(OSError):
    """A worker could not start; the text says why."""


@dataclass(slots=True)
class _Child:
    """A process, and the end of the pipe from which its status is read."""

    number: int
    pid: int
    status: int
    started_at: float
    text: bytes = b""
    is_ready: bool = False


@dataclass(slots=True)
class WorkerGroup:
    """`count` processes that run `serve_worker`; `on_ready` is called once all of them accept connections.

    `release` frees what only workers need when all of them end, such as the listening sockets: while the
    parent holds them, clients could still connect. `drain_seconds` is the time that workers take for their
    end, and `extra_seconds` what they have beyond it. `on_death` is called with the number of a worker that
    ended with an error, before it is replaced.
    """

    count: int
    serve_worker: ServeWorker
    on_ready: Callable[[], None]
    release: Callable[[], None]
    drain_seconds: float
    extra_seconds: float = 5.0
    on_death: Callable[[int], None] = lambda _: None
    _children: dict[int, _Child] = field(default_factory=dict)
    _early_deaths: dict[int, int] = field(default_factory=dict)
    _starts: dict[int, float] = field(default_factory=dict)
    _schedule: ShutdownSchedule = field(default_factory=ShutdownSchedule)
    _lifeline: tuple[int, int] = (-1, -1)
    _is_ready: bool = False
    _problem: str = ""

    def run(self) -> int:
        """Run until a signal; return the exit code. Raises WorkerStartError if a worker does not start."""
        gc.freeze()
        self._lifeline = os.pipe()
        self._starts = dict.fromkeys(range(1, self.count + 1), 0.0)
        with self._signals() as wake:
            while not self._is_ending and not self._problem:
                self._start_workers()
                self._wait(wake, self._next_start())
            killed = self._end_workers(wake)
        if self._problem:
            raise WorkerStartError(self._problem)
        return int(killed)

    @property
    def _is_ending(self) -> bool:
        return self._schedule.has_begun

    @contextmanager
    def _signals(self) -> Iterator[int]:
        """Note SIGTERM and SIGINT, and wake the loop for them and for the end of a worker."""
        read, write = os.pipe()
        os.set_blocking(read, False)
        os.set_blocking(write, False)
        handlers = dict.fromkeys((signal.SIGTERM, signal.SIGINT), self._note_signal)
        earlier = {number: signal.signal(number, handler) for number, handler in handlers.items()}
        earlier[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(write, warn_on_full_buffer=False)
        try:
            yield read
        finally:
            signal.set_wakeup_fd(-1)
            for number, handler in earlier.items():
                signal.signal(number, handler)
            os.close(read)
            os.close(write)

    def _note_signal(self, number: int, _: object) -> None:
        self._schedule.note_signal(time.monotonic())
        if number == signal.SIGINT:
            self._schedule.skip_delay(time.monotonic())

    def _start_workers(self) -> None:
        now = time.monotonic()
        for number in [number for number, start in self._starts.items() if start <= now]:
            del self._starts[number]
            self._start_worker(number)

    def _start_worker(self, number: int) -> None:
        read, write = os.pipe()
        pid = os.fork()
        if not pid:
            self._run_child(number, write)
        os.close(write)
        self._children[pid] = _Child(number, pid, read, time.monotonic())

    def _run_child(self, number: int, status: int) -> None:
        """Serve as a worker, and end the process: nothing of the parent's code may run in it."""
        code = 1
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            for each in (signal.SIGTERM, signal.SIGCHLD):
                signal.signal(each, signal.SIG_DFL)
            os.close(self._lifeline[1])
            for child in self._children.values():
                os.close(child.status)
            self.serve_worker(number, status, self._lifeline[0])
            code = 0
        except Exception as error:  # noqa: BLE001 - the parent reports it
            os.write(status, (str(error) or type(error).__name__).encode()[:_MAX_STATUS_BYTES])
        finally:
            os._exit(code)

    def _next_start(self) -> float | None:
        return max(0.0, min(self._starts.values()) - time.monotonic()) if self._starts else None

    def _wait(self, wake: int, seconds: float | None) -> None:
        """Wait for a signal, the status of a worker or its end."""
        with selectors.DefaultSelector() as selector:
            selector.register(wake, selectors.EVENT_READ)
            waiting = {child.status: child for child in self._children.values() if not child.is_ready}
            for status in waiting:
                selector.register(status, selectors.EVENT_READ)
            for key, _ in selector.select(seconds):
                if key.fd == wake:
                    _drain_pipe(wake)
                else:
                    self._read_status(waiting[key.fd])
        self._reap()

    def _read_status(self, child: _Child) -> None:
        text = os.read(child.status, _MAX_STATUS_BYTES)
        child.text += text
        child.is_ready = child.text == READY or not text
        if not self._is_ready and self._ready_count == self.count:
            self._is_ready = True
            self.on_ready()

    @property
    def _ready_count(self) -> int:
        return sum(child.text == READY for child in self._children.values())

    def _reap(self) -> None:
        """Note the workers that have ended."""
        for pid in list(self._children):
            ended, wait_status = os.waitpid(pid, os.WNOHANG)
            if ended:
                self._note_end(self._children.pop(pid), os.waitstatus_to_exitcode(wait_status))

    def _note_end(self, child: _Child, code: int) -> None:
        text = child.text + os.read(child.status, _MAX_STATUS_BYTES)
        os.close(child.status)
        if self._is_ending:
            return
        problem = "" if text == READY else text.decode(errors="replace")
        if not self._is_ready:
            self._problem = problem or f"worker {child.number} ended while it started, exit code {code}"
            return
        _log.error("worker-ended", number=child.number, exit_code=code)
        if code:
            self.on_death(child.number)
        now, is_early = time.monotonic(), time.monotonic() - child.started_at < _STABLE_SECONDS
        deaths = self._early_deaths.get(child.number, 0) if is_early else 0
        self._early_deaths[child.number] = deaths + 1
        self._starts[child.number] = now + _DELAYS[min(deaths, len(_DELAYS) - 1)]

    def _end_workers(self, wake: int) -> bool:
        """Let all workers finish their requests, and kill those that do not; return whether some had to end.

        A second signal is theirs, too: they then cut off their requests, and have `extra_seconds` for that.
        """
        if not self._is_ending:
            self._schedule.note_signal(time.monotonic())
        self.release()
        self._send(signal.SIGTERM)
        self._wait_for_workers(wake, self.drain_seconds + self.extra_seconds, ends_at_signal=True)
        is_cut_short = self._schedule.is_cut_short
        if is_cut_short:
            self._send(signal.SIGTERM)
            self._wait_for_workers(wake, self.extra_seconds)
        must_kill = bool(self._children)
        self._send(signal.SIGKILL)
        for pid in self._children:
            os.waitpid(pid, 0)
        return must_kill or is_cut_short

    def _wait_for_workers(self, wake: int, seconds: float, *, ends_at_signal: bool = False) -> None:
        deadline = time.monotonic() + seconds
        while self._children and time.monotonic() < deadline:
            if self._schedule.skips_delay:
                self._close_lifeline()
            if ends_at_signal and self._schedule.is_cut_short:
                return
            self._wait(wake, max(0.0, deadline - time.monotonic()))

    def _close_lifeline(self) -> None:
        """Let the workers skip the delay, as they do without a parent."""
        if self._lifeline[1] >= 0:
            os.close(self._lifeline[1])
            self._lifeline = (self._lifeline[0], -1)

    def _send(self, number: signal.Signals) -> None:
        for pid in self._children:
            with suppress(ProcessLookupError):
                os.kill(pid, number)


def _drain_pipe(pipe: int) -> None:
    with suppress(BlockingIOError):
        while os.read(pipe, _MAX_STATUS_BYTES):
            pass
