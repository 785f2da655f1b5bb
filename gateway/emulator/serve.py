"""Server of the emulator: as a program, or in a thread of a test."""

import http.client
import signal
import socket
import sys
import threading
from types import TracebackType
from typing import Any, Self

import msgspec
import uvicorn
from starlette.applications import Starlette

from gateway.emulator.app import create_emulator
from gateway.emulator.settings import EmulatorSettings

#: Seconds that an unused connection stays open: longer than at a gateway (`upstream.timeouts.idle`, 20 by
#: default). A request on a connection that the upstream just closes fails, and is not repeated.
_IDLE_SECONDS = 65


class AnnouncingServer(uvicorn.Server):
    """A uvicorn server that calls `announce` when it accepts connections."""

    def __init__(self, config: uvicorn.Config, announce: Any) -> None:
        super().__init__(config)
        self._announce = announce

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start listening, then call `announce`."""
        await super().startup(sockets)
        self._announce()


def serve(app: Starlette, host: str, port: int) -> None:
    """Print one line with the address and run until SIGTERM or SIGINT; port 0 selects a free port."""
    listener = bind(host, port)
    authority = f"[{host}]" if ":" in host else host
    address = f"http://{authority}:{listener.getsockname()[1]}"

    def announce() -> None:
        sys.stdout.write(f"halo emulator listening on {address}\n")
        sys.stdout.flush()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)  # uvicorn raises the signal again after a clean stop
    server = AnnouncingServer(_uvicorn_config(app), announce)
    server.run([listener])


def bind(host: str, port: int) -> socket.socket:
    """Bind a socket. Raises OSError that names the address."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise OSError(f"cannot listen on {host}, port {port}: {error.strerror}") from None
    return listener


class RunningEmulator:
    """An emulator in a thread, on a free port of 127.0.0.1: `with RunningEmulator() as emulator:`.

    It is Halo Connect's with these settings, or another `app`.
    """

    def __init__(
        self,
        settings: EmulatorSettings = EmulatorSettings(),  # noqa: B008 - frozen
        app: Starlette | None = None,
    ) -> None:
        self.app = app or create_emulator(settings)
        self._socket = bind("127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._ready = threading.Event()
        self._server = AnnouncingServer(_uvicorn_config(self.app), self._ready.set)
        self._thread = threading.Thread(target=self._run_server, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        if not self._ready.wait(10):
            raise TimeoutError("the emulator did not start within 10 s")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.should_exit = True
        self._thread.join(10)

    def control(self, method: str, path: str, body: Any = None) -> Any:
        """Return the decoded response of a control endpoint, for example `control("POST", "faults", {...})`.

        Raises ValueError with the response body if the status is 400 or higher.
        """
        connection = http.client.HTTPConnection(self.url.removeprefix("http://"), timeout=10)
        connection.request(method, f"/_emulator/{path}", None if body is None else msgspec.json.encode(body))
        response = connection.getresponse()
        content = response.read()
        connection.close()
        if response.status >= http.HTTPStatus.BAD_REQUEST:
            raise ValueError(content.decode())
        return msgspec.json.decode(content) if content else None

    def _run_server(self) -> None:
        self._server.run([self._socket])


def _uvicorn_config(app: Starlette) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        log_config=None,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=1,
        timeout_keep_alive=_IDLE_SECONDS,
        lifespan="off",
    )
