"""Connections of a server that ends: the last answer on each announces its end, and no request is lost.

A proxy keeps idle connections, and may send a request on one at the moment in which the server closes it. It
cannot know whether a POST was executed, so it does not repeat it. Therefore an idle connection stays open
until one more answer has ended it, or no client has sent anything for a while. New connections are refused
by then, so that each connection has one more request at most.
"""

from math import inf
from typing import Any

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle
from uvicorn.server import ServerState

from gateway.server.upgrade_offer import HttpProtocol


class ConnectionsState(ServerState):
    """uvicorn's state of all connections of a server, and how they end."""

    def __init__(self) -> None:
        super().__init__()
        #: Whether each answer ends its connection, unless further requests wait behind it.
        self.has_last_answers = False
        #: Seconds for which no connection had a request before the idle ones are closed; 0: at once.
        self.quiet_seconds = 0.0
        #: When a connection last had a request, once `has_last_answers`; time of the event loop.
        self.last_request_at = -inf


class EndingConnection(HttpProtocol):
    """A connection that ends after an answer with `Connection: close`, once the server says so."""

    server_state: ConnectionsState

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._running_cycle: RequestResponseCycle | None = None
        #: Request whose answer announces the end.
        self._last_cycle: RequestResponseCycle | None = None

    def end_after_answer(self) -> None:
        """Let the answer to the running request announce the end, if it is the last one that was received."""
        cycle = self._running_cycle
        if cycle is not None and not cycle.response_started:
            self._announce_end(cycle)

    def shutdown(self) -> None:
        """End the connection after its answers; close an idle one once all have been quiet for a while."""
        seconds = self.server_state.quiet_seconds
        if not seconds:
            super().shutdown()
            return
        self.end_after_answer()
        self.timeout_keep_alive = seconds  # type: ignore[assignment] # call_later takes both
        if not self._is_receiving and (self.cycle is None or self.cycle.response_complete):
            self._start_idle_timer(seconds)

    def timeout_keep_alive_handler(self) -> None:
        """Close the idle connection, unless requests still come on others: one may be on its way here."""
        state = self.server_state
        seconds = state.last_request_at + state.quiet_seconds - self.loop.time()
        if state.quiet_seconds and seconds > 0:
            self._start_idle_timer(seconds)
        else:
            super().timeout_keep_alive_handler()

    def on_headers_complete(self) -> None:
        """Handle the request; the end is not announced before the answer to a request that waits."""
        super().on_headers_complete()
        cycle = self._last_cycle
        if cycle is not None and self.pipeline and not cycle.response_started:
            cycle.keep_alive, self._last_cycle = True, None

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._running_cycle = cycle
        if self.server_state.has_last_answers:
            self.server_state.last_request_at = self.loop.time()
            self._announce_end(cycle)
        super()._start_asgi_task(cycle, app)

    def _announce_end(self, cycle: RequestResponseCycle) -> None:
        if cycle.keep_alive and not self._has_waiting_requests:
            cycle.keep_alive, self._last_cycle = False, cycle

    def _start_idle_timer(self, seconds: float) -> None:
        self._unset_keepalive_if_required()
        self.timeout_keep_alive_task = self.loop.call_later(seconds, self.timeout_keep_alive_handler)

    @property
    def _has_waiting_requests(self) -> bool:
        """Whether requests were received that are not being answered yet."""
        return bool(self.pipeline)

    @property
    def _is_receiving(self) -> bool:
        """Whether part of a request was received."""
        return False
