"""A second application on a port of its own, in the loop of the first: the operators' endpoints."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import structlog
import uvicorn
from starlette.types import ASGIApp

_log = structlog.get_logger()
_DRAIN_SECONDS = 5


class _AdminServer(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals belong to the first server."""
        yield


@asynccontextmanager
async def serve_admin_port(app: ASGIApp, listener: socket.socket) -> AsyncIterator[str]:
    """Serve an application on a bound socket, and close it when the context ends; gives the URL."""
    config = uvicorn.Config(
        app,
        lifespan="off",
        ws="none",
        access_log=False,
        log_level="warning",
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=_DRAIN_SECONDS,
    )
    server = _AdminServer(config)
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
    """The socket at `host:port`. Raises OSError where nobody can listen there."""
    host, _, port = address.rpartition(":")
    family = socket.AF_INET6 if host.startswith("[") else socket.AF_INET
    try:
        return socket.create_server((host.strip("[]"), int(port)), family=family)
    except OSError as problem:
        why = os.strerror(problem.errno or 0) if problem.errno and problem.errno > 0 else "no such address"
        raise OSError(f"admin.listen: nobody can listen on {address}: {why}") from None


def _listener_url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"
