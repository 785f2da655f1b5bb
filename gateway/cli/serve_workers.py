"""`halo-gateway serve --workers N`: one parent and its workers."""

import atexit
import io
import socket
import sys
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from secrets import token_hex
from typing import Any

import structlog

from gateway.app import create_app
from gateway.server.admin_port import bind
from gateway.server.kept_pages import KeptPages, anonymous_file
from gateway.server.local_channel import LocalChannel, SharedRings
from gateway.server.serve import bind_worker_sockets, close_sockets
from gateway.server.shared_log import SharedLogStream
from gateway.server.siblings import Inboxes, Siblings
from gateway.server.worker import Worker, WorkerServer
from gateway.server.worker_group import WorkerGroup
from gateway.server.worker_store import publish_death
from gateway.settings import Settings
from gateway.settings.worker_shares import settings_of_worker, with_own_outbox
from gateway.telemetry.log_config import BatchedLogStream, LogEvent, configure_logging


def serve_workers(settings: Settings, host: str, port: int, count: int) -> int:
    """Serve with several workers until a signal; return the exit code.

    Raises OSError if an address cannot be bound or a worker does not start.
    """
    sys.stderr = io.TextIOWrapper(SharedLogStream(2, anonymous_file()), write_through=True)
    log_stream = configure_logging(settings.log.level, settings.log.format)
    sockets = bind_worker_sockets(host, port, count)
    listen = settings.admin.listen
    admin_socket = bind(listen) if listen else None
    parent = WorkerParent(
        settings_of_worker(settings, count), host, port, log_stream, sockets, admin_socket, count
    )
    return parent.run()


@dataclass
class WorkerParent:
    """What the parent of the workers makes once, for all of them."""

    settings: Settings
    host: str
    port: int
    log_stream: BatchedLogStream
    sockets: list[list[socket.socket]]
    admin_socket: socket.socket | None
    count: int

    def __post_init__(self) -> None:
        self.process_secret = token_hex()
        self.inboxes, self.pages = Inboxes(self.count), KeptPages(self.count)
        self.rings = None if self.settings.cache.redis.url else SharedRings(self.count)

    def run(self) -> int:
        """Run the workers until a signal; return the exit code. Raises OSError if one does not start."""
        group = WorkerGroup(
            self.count,
            self._serve_worker,
            self._print_ready_line,
            self._release,
            self.settings.server.drain_delay + self.settings.server.drain_seconds,
            on_death=self._publish_death,
        )
        try:
            return group.run()
        finally:
            self._release()
            self.inboxes.close()

    def _serve_worker(self, number: int, status: int, lifeline: int) -> None:
        """Serve as one worker, in its own process, until a signal."""
        for other in (each for index, each in enumerate(self.sockets) if index + 1 != number):
            close_sockets(other)
        add_to_log_lines(number)
        settings = with_own_outbox(self.settings, number)
        app = create_app(settings, log_request_factory=self._log_factory(number), worker=self._worker(number))
        WorkerServer(app, self.host, self.port, status, lifeline).run(self.sockets[number - 1])
        atexit._run_exitfuncs()  # noqa: SLF001 - such as the last lines of the log; a forked process has no other end

    def _worker(self, number: int) -> Worker:
        return Worker(
            number,
            self.count,
            self.process_secret,
            Siblings(self.inboxes, number),
            self.pages,
            LocalChannel(self.rings, number - 1) if self.rings else None,
            self.admin_socket,
        )

    def _log_factory(self, number: int) -> Any:
        def event_logger(event: str, fields: Mapping[str, Any]) -> LogEvent:
            return self.log_stream.event_logger(event, {**fields, "worker": number})

        return event_logger

    def _publish_death(self, number: int) -> None:
        if self.rings:
            publish_death(self.rings, number - 1)

    def _print_ready_line(self) -> None:
        host, port = self.sockets[0][0].getsockname()[:2]
        address = f"[{host}]" if ":" in host else host
        print(f"halo-gateway listening on http://{address}:{port}", flush=True)  # noqa: T201 - promised on stdout

    def _release(self) -> None:
        for each in self.sockets:
            close_sockets(each)
        if self.admin_socket:
            self.admin_socket.close()


def add_to_log_lines(number: int) -> None:
    """Name the worker in each line of the log, also of loggers that exist already."""

    def add_worker(_: Any, __: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        return {**line, "worker": number}

    structlog.get_config()["processors"].insert(0, add_worker)
