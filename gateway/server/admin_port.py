"""Admin port: a second application on its own port, in the event loop of the first."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import structlog
import uvicorn
from starlette.types import ASGIApp

from gateway.server.connection import limited_connection_class
from gateway.server.ending_connection import ConnectionsState
from gateway.settings import Server

_log = structlog.get_logger()
#: Seconds that admin requests in flight may take after the end of the first server; see `END_SECONDS`.
_DRAIN_SECONDS = 2


class _AdminServer(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to the first server."""
        yield


@asynccontextmanager
async def serve_admin_port(app: ASGIApp, listener: socket.socket, limits: Server) -> AsyncIterator[str]:
    """Serve an application on a bound socket until the context ends, and yield its URL.

    The limits of connections are those of the gateway's own port; each port counts its own.
    """
    config = uvicorn.Config(
        app,
        http=limited_connection_class(limits),
        lifespan="off",
        ws="none",
        access_log=False,
        log_config=None,
        log_level="warning",
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=_DRAIN_SECONDS,
    )
    server = _AdminServer(config)
    server.server_state = ConnectionsState()
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    while not (server.started or serving.done()):  # noqa: ASYNC110 - uvicorn's flag is no event
        await asyncio.sleep(0.01)
    url = _listener_url(listener)
    _log.info("admin-listening", url=url)
    try:
        yield url
    finally:
        server.should_exit = True
        await serving
        listener.close()


def bind(address: str) -> socket.socket:
    """Bind a socket to `host:port`. Raises OSError with the address and the reason."""
    host, _, port = address.rpartition(":")
    family = socket.AF_INET6 if host.startswith("[") else socket.AF_INET
    try:
        return socket.create_server((host.strip("[]"), int(port)), family=family)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno and error.errno > 0 else "no such address"
        raise OSError(f"admin.listen: cannot listen on {address}: {reason}") from None


def _listener_url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"
