"""Runs an ASGI application: one line on stdout when it accepts connections, exit 0 on SIGTERM."""

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
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

#: Seconds that exchanges in flight may take after SIGTERM; Halo itself gives up at 30.
DRAIN_SECONDS = 30
_MAX_OPEN_FILES = 65_536
#: A host name may stand for an address that this machine does not have, as localhost does for ::1.
_MISSING_ADDRESS_ERRORS = frozenset({errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL})


class Server(uvicorn.Server):
    """A uvicorn server that says where it listens and takes SIGTERM for an orderly end."""

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
                log_level="warning",
                server_header=False,
                proxy_headers=False,
                timeout_graceful_shutdown=DRAIN_SECONDS,
            )
        )
        self._ready_line = ready_line

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then greet: who reads the line may connect at once."""
        await super().startup(sockets)
        self.tune_gc()
        if self.started and self._ready_line:
            print(f"{self._ready_line} {self.url}", flush=True)  # noqa: T201 - promised on stdout

    def tune_gc(self) -> None:
        """What was made at start stays for good: the collector need not look at it with every request."""
        gc.collect()
        gc.freeze()
        gc.set_threshold(20_000, 20, 50)
        _raise_file_limit()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """SIGTERM and SIGINT ask for an orderly end; unlike uvicorn's, not raised again after it."""
        before = {each: signal.signal(each, self.handle_exit) for each in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for each, handler in before.items():
                signal.signal(each, handler)

    def run(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve until a signal. Raises OSError that names the address where it cannot listen."""
        sockets = sockets or bind_sockets(self.config.host, self.config.port)
        try:
            super().run(sockets)
        finally:
            _close_sockets(sockets)

    @property
    def url(self) -> str:
        """Where it listens."""
        host, port = self.servers[0].sockets[0].getsockname()[:2]
        return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def bind_sockets(host: str, port: int) -> list[socket.socket]:
    """A socket for each address of a host. Raises OSError that names host and port, as for a port in use."""
    sockets: list[socket.socket] = []
    try:
        _bind_addresses(host, port, sockets)
    except (OSError, UnicodeError) as problem:
        _close_sockets(sockets)
        said = getattr(problem, "strerror", None) or "this is no host name"
        raise OSError(f"cannot listen on {host}, port {port}: {said}") from None
    return sockets


def _close_sockets(sockets: list[socket.socket]) -> None:
    for each in sockets:
        each.close()


def _bind_addresses(host: str, port: int, sockets: list[socket.socket]) -> None:
    absent = None
    for family, address in _resolve_addresses(host, port):
        try:
            sockets.append(_listening_socket(family, address))
        except OSError as problem:
            if problem.errno not in _MISSING_ADDRESS_ERRORS:
                raise
            absent = problem
    if absent and not sockets:
        raise absent


def _resolve_addresses(host: str, port: int) -> list[tuple[int, Any]]:
    """Family and address of each interface that a host name stands for, each once."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    return list(dict.fromkeys((family, address) for family, _, _, _, address in found))


def _listening_socket(family: int, address: Any) -> socket.socket:
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:  # IPv4 has a socket of its own
            listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listening.bind(address)
    except OSError:
        listening.close()
        raise
    return listening


def _raise_file_limit() -> None:
    """Each connection is a file, of which many systems give a process 1,024 until it asks for more."""
    allowed, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MAX_OPEN_FILES if most == resource.RLIM_INFINITY else min(_MAX_OPEN_FILES, most)
    if allowed != resource.RLIM_INFINITY and allowed < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))


def _http_protocol(app: ASGIApp) -> type[asyncio.Protocol]:
    """The protocol that an application asks for as `state.http`."""
    http: type[asyncio.Protocol] = getattr(getattr(app, "state", None), "http", HttpToolsProtocol)
    return http


class ThreadedServer(Server):
    """A server in a thread: `with InThread(app) as server: server.url`; port 0 picks a free one."""

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
        self.should_exit = True
        self._thread.join()

    def tune_gc(self) -> None:
        """The process is somebody else's."""

    async def main_loop(self) -> None:
        """As uvicorn's, but it ends at once."""
        while not await self.on_tick(1):  # noqa: ASYNC110 - uvicorn's flag is no event
            await asyncio.sleep(0.01)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals belong to the main thread."""
        yield
