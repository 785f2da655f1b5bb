"""Runs an ASGI application: one line on stdout when it accepts connections, exit 0 on SIGTERM."""

import asyncio
import gc
import resource
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Self

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

#: Seconds that exchanges in flight may take after SIGTERM; Halo itself gives up at 30.
DRAIN = 30
_FILES = 65_536


class Serving(uvicorn.Server):
    """A uvicorn server that says where it listens and takes SIGTERM for an orderly end."""

    def __init__(
        self,
        app: ASGIApp,
        host: str,
        port: int,
        greeting: str = "",
        http: type[asyncio.Protocol] | None = None,
    ) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http=http or _protocol(app),
                ws="none",
                host=host,
                port=port,
                access_log=False,
                log_level="warning",
                server_header=False,
                proxy_headers=False,
                timeout_graceful_shutdown=DRAIN,
            )
        )
        self._greeting = greeting

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then greet: who reads the line may connect at once."""
        await super().startup(sockets)
        self.settle()
        if self.started and self._greeting:
            print(f"{self._greeting} {self.url}", flush=True)  # noqa: T201 - promised on stdout

    def settle(self) -> None:
        """What was made at start stays for good: the collector need not look at it with every request."""
        gc.collect()
        gc.freeze()
        gc.set_threshold(20_000, 20, 50)
        _many_connections()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """SIGTERM and SIGINT ask for an orderly end; unlike uvicorn's, not raised again after it."""
        before = {each: signal.signal(each, self.handle_exit) for each in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for each, handler in before.items():
                signal.signal(each, handler)

    @property
    def url(self) -> str:
        """Where it listens."""
        host, port = self.servers[0].sockets[0].getsockname()[:2]
        return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def _many_connections() -> None:
    """Each connection is a file, of which many systems give a process 1,024 until it asks for more."""
    allowed, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _FILES if most == resource.RLIM_INFINITY else min(_FILES, most)
    if allowed != resource.RLIM_INFINITY and allowed < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))


def _protocol(app: ASGIApp) -> type[asyncio.Protocol]:
    """The protocol that an application asks for as `state.http`."""
    http: type[asyncio.Protocol] = getattr(getattr(app, "state", None), "http", HttpToolsProtocol)
    return http


class InThread(Serving):
    """A server in a thread: `with InThread(app) as server: server.url`; port 0 picks a free one."""

    def __init__(
        self,
        app: ASGIApp,
        host: str = "127.0.0.1",
        port: int = 0,
        http: type[asyncio.Protocol] | None = None,
    ) -> None:
        super().__init__(app, host, port, http=http)
        self._thread = Thread(target=self.run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        while not self.started:
            if not self._thread.is_alive():
                raise RuntimeError("the server did not start")
            self._thread.join(0.01)
        return self

    def __exit__(self, *problem: object) -> None:
        self.should_exit = True
        self._thread.join()

    def settle(self) -> None:
        """The process is somebody else's."""

    async def main_loop(self) -> None:
        """As uvicorn's, but it ends at once."""
        while not await self.on_tick(1):  # noqa: ASYNC110 - uvicorn's flag is no event
            await asyncio.sleep(0.01)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals belong to the main thread."""
        yield
