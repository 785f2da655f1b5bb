"""Server of an ASGI application: one line on stdout when it accepts connections, exit code 0 on SIGTERM."""

import asyncio
import errno
import gc
import resource
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any, Self

import uvicorn
from starlette.types import ASGIApp

from gateway.server.draining_server import DrainingServer, state_of
from gateway.server.ending_connection import EndingConnection

#: Open files that the process requests: each connection is a file.
_MAX_OPEN_FILES = 65_536
#: Errors of an address that this machine does not have: localhost resolves to ::1 even without IPv6.
_MISSING_ADDRESS_ERRORS = frozenset({errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL})


class Server(DrainingServer):
    """A uvicorn server that prints its URL, and shuts down gracefully on SIGTERM."""

    def __init__(
        self,
        app: ASGIApp,
        host: str,
        port: int,
        ready_line: str = "",
        http: type[asyncio.Protocol] | None = None,
    ) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http=http or _http_protocol(app),
                ws="none",
                host=host,
                port=port,
                access_log=False,
                log_config=None,
                log_level="warning",
                server_header=False,
                proxy_headers=False,
            )
        )
        self._ready_line = ready_line

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then print the line: its reader may connect at once."""
        await super().startup(sockets)
        self.tune_gc()
        if self.started and self._ready_line:
            print(f"{self._ready_line} {self.url}", flush=True)  # noqa: T201 - promised on stdout

    def tune_gc(self) -> None:
        """Exclude the objects made at start from garbage collection, because they are never freed."""
        gc.collect()
        gc.freeze()
        gc.set_threshold(20_000, 20, 50)
        _raise_file_limit()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Shut down gracefully on SIGTERM and SIGINT; unlike uvicorn's, not raised again afterwards."""
        signals = (signal.SIGTERM, signal.SIGINT)
        handlers = {number: signal.signal(number, self.handle_exit) for number in signals}
        try:
            yield
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)

    def run(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve until a signal. Raises OSError with the address if it cannot listen."""
        sockets = sockets or bind_sockets(self.config.host, self.config.port)
        try:
            super().run(sockets)
        finally:
            close_sockets(sockets)

    @property
    def url(self) -> str:
        """URL of the first socket."""
        host, port = self.servers[0].sockets[0].getsockname()[:2]
        return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def bind_sockets(host: str, port: int, *, shares_port: bool = False) -> list[socket.socket]:
    """Bind a socket for each address of a host. Raises OSError with host, port and the reason.

    `shares_port`: other sockets of this process may have the port, too (SO_REUSEPORT).
    """
    sockets: list[socket.socket] = []
    try:
        _bind_addresses(host, port, sockets, shares_port=shares_port)
    except (OSError, UnicodeError) as error:
        close_sockets(sockets)
        reason = getattr(error, "strerror", None) or "not a host name"
        raise OSError(f"cannot listen on {host}, port {port}: {reason}") from None
    return sockets


def close_sockets(sockets: list[socket.socket]) -> None:
    """Close sockets."""
    for bound_socket in sockets:
        bound_socket.close()


def bind_worker_sockets(host: str, port: int, count: int) -> list[list[socket.socket]]:
    """Bind sockets for each of `count` workers to one port. Raises OSError with host, port and the reason.

    The system deals connections out to them evenly, which it does not with one socket: who is idle at that
    moment would take all. The first socket does not share the port, so that another server on it is an error.
    """
    alone = bind_sockets(host, port)
    port = alone[0].getsockname()[1]
    close_sockets(alone)
    return [bind_sockets(host, port, shares_port=True) for _ in range(count)]


def _bind_addresses(host: str, port: int, sockets: list[socket.socket], *, shares_port: bool) -> None:
    missing_address = None
    for family, address in _resolve_addresses(host, port):
        try:
            sockets.append(_listening_socket(family, address, shares_port=shares_port))
        except OSError as error:
            if error.errno not in _MISSING_ADDRESS_ERRORS:
                raise
            missing_address = error
    if missing_address and not sockets:
        raise missing_address


def _resolve_addresses(host: str, port: int) -> list[tuple[int, Any]]:
    """Return family and address of each interface of a host name, without duplicates."""
    infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    return list(dict.fromkeys((family, address) for family, _, _, _, address in infos))


def _listening_socket(family: int, address: Any, *, shares_port: bool) -> socket.socket:
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:  # IPv4 has its own socket
            listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if shares_port:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listening.bind(address)
    except OSError:
        listening.close()
        raise
    return listening


def _raise_file_limit() -> None:
    """Raise the limit of open files, which many systems set to 1,024 for a process."""
    soft_limit, hard_limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    new_limit = _MAX_OPEN_FILES if hard_limit == resource.RLIM_INFINITY else min(_MAX_OPEN_FILES, hard_limit)
    if soft_limit != resource.RLIM_INFINITY and soft_limit < new_limit:
        resource.setrlimit(resource.RLIMIT_NOFILE, (new_limit, hard_limit))


def _http_protocol(app: ASGIApp) -> type[asyncio.Protocol]:
    """Return the protocol class that an application sets as `state.http`, else one without limits."""
    http: type[asyncio.Protocol] = state_of(app, "http", EndingConnection)
    return http


class ThreadedServer(Server):
    """A server in a thread: `with ThreadedServer(app) as server: server.url`; port 0 picks a free port."""

    def __init__(
        self,
        app: ASGIApp,
        host: str = "127.0.0.1",
        port: int = 0,
        http: type[asyncio.Protocol] | None = None,
    ) -> None:
        super().__init__(app, host, port, http=http)
        self._thread = Thread()

    def __enter__(self) -> Self:
        sockets = bind_sockets(self.config.host, self.config.port)
        self._thread = Thread(target=self.run, args=(sockets,), daemon=True)
        self._thread.start()
        while not self.started:
            if not self._thread.is_alive():
                raise RuntimeError("the server did not start")
            self._thread.join(0.01)
        return self

    def __exit__(self, *problem: object) -> None:
        self.end_without_delay()
        self._thread.join()

    def tune_gc(self) -> None:
        """Do nothing: the process belongs to another program, such as pytest."""

    async def main_loop(self) -> None:
        """Run as uvicorn's loop, but end at once."""
        while not await self.on_tick(1):  # noqa: ASYNC110 - uvicorn's flag is no event
            await asyncio.sleep(0.01)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to the main thread."""
        yield
