"""Server of the standard library in a thread, for as long as a test needs it."""

import socketserver
import threading
from types import TracebackType
from typing import Self


class ServerThread:
    """Runs a server on 127.0.0.1 from `with` to its end."""

    def __init__(self, server: socketserver.TCPServer) -> None:
        self._server = server
        self.url = f"http://127.0.0.1:{server.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(
        self, type_: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
