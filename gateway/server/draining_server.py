"""Server that ends without loss of a request: `ShutdownSchedule` has the parts of its end."""

import asyncio
import signal
import socket
from collections.abc import Callable
from time import monotonic
from types import FrameType
from typing import Any, Final

import uvicorn

from gateway.server.ending_connection import ConnectionsState, EndingConnection
from gateway.server.last_connections import accept_last_connections
from gateway.server.shutdown_schedule import ShutdownSchedule

#: Seconds that requests in flight may take after SIGTERM if the application does not say.
_DRAIN_SECONDS: Final = 30
#: Seconds without a request after which idle connections are closed, once new ones are refused.
_QUIET_SECONDS: Final = 1.0
#: Seconds that cancelled requests have to respond.
_CUT_OFF_SECONDS: Final = 1.0


class DrainingServer(uvicorn.Server):
    """A uvicorn server that serves on for a while after SIGTERM, and then ends its connections.

    An application may have in its `state`: `begin_shutdown`, called by the first signal; `drain_delay`,
    seconds of service after it; `end_waits`, called after them; `drain_seconds` for requests then in flight.
    """

    server_state: ConnectionsState

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.server_state = ConnectionsState()
        self._schedule = ShutdownSchedule(state_of(config.app, "drain_delay", 0))

    async def on_tick(self, counter: int) -> bool:
        """Do what uvicorn does ten times a second; return whether new connections are to be refused."""
        if not await super().on_tick(counter):
            return False
        if not self._schedule.has_begun:
            self.end_without_delay()
        if self._schedule.ends_connections(monotonic()):
            self._end_after_answers()
        return self._schedule.is_delay_over(monotonic())

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to end; SIGINT of a terminal skips the delay, a second signal cuts requests off."""
        del frame
        self._schedule.note_signal(monotonic())
        if sig == signal.SIGINT:
            self._schedule.skip_delay(monotonic())
        self._note_shutdown()

    def end_without_delay(self) -> None:
        """Begin to end, and refuse new connections at once."""
        self._schedule.skip_delay(monotonic())
        self._note_shutdown()

    def _note_shutdown(self) -> None:
        self.should_exit = True
        begin_shutdown: Callable[[], None] = state_of(self.config.app, "begin_shutdown", _do_nothing)
        begin_shutdown()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Refuse new connections, wait for the requests in flight, and cut off the late ones."""
        end_waits: Callable[[], None] = state_of(self.config.app, "end_waits", _do_nothing)
        end_waits()
        self._end_after_answers()
        await self._stop_listening(sockets or [])
        state, skips_delay = self.server_state, self._schedule.skips_delay
        state.quiet_seconds = 0.0 if skips_delay else _QUIET_SECONDS
        state.last_request_at = asyncio.get_running_loop().time()
        for connection in list(state.connections):
            connection.shutdown()
        await self._wait_for_requests()
        await self._cut_off_requests()
        await self.lifespan.shutdown()

    def _end_after_answers(self) -> None:
        """Let each connection end after its next answer, unless more requests wait on it."""
        if self.server_state.has_last_answers:
            return
        self.server_state.has_last_answers = True
        for connection in list(self.server_state.connections):
            if isinstance(connection, EndingConnection):
                connection.end_after_answer()

    async def _stop_listening(self, sockets: list[socket.socket]) -> None:
        if not self._schedule.skips_delay:
            await accept_last_connections(sockets)
        for server in self.servers:
            server.close()
        for listener in sockets:
            listener.close()

    async def _wait_for_requests(self) -> None:
        """Wait for the end of all connections and requests, `state.drain_seconds` at most."""
        state, seconds = self.server_state, state_of(self.config.app, "drain_seconds", _DRAIN_SECONDS)
        deadline = monotonic() + seconds
        while (state.connections or state.tasks) and monotonic() < deadline:
            if self._schedule.is_cut_short:
                return
            await asyncio.sleep(0.05)

    async def _cut_off_requests(self) -> None:
        """Cancel the requests in flight, and let them say so to their clients."""
        if tasks := list(self.server_state.tasks):
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks, timeout=_CUT_OFF_SECONDS)


def state_of(app: Any, name: str, default: Any) -> Any:
    """Return what an application sets as this member of its `state`, or a default."""
    return getattr(getattr(app, "state", None), name, default)


def _do_nothing() -> None:
    """Do nothing: the application has nothing to do at that moment."""
