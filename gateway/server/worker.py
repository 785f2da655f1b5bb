"""What one worker of `serve --workers` has from its parent, and its server."""

import asyncio
import os
import signal
import socket
from dataclasses import dataclass
from types import FrameType
from typing import Any, Final

from gateway.server.kept_pages import KeptPages
from gateway.server.local_channel import LocalChannel
from gateway.server.serve import Server
from gateway.server.siblings import Siblings

#: What a worker writes to its parent when it accepts connections; any other text is why it did not start.
READY: Final = b"ready"


@dataclass(frozen=True, slots=True)
class Worker:
    """One of `count` workers, numbered from 1; `channel` is None if all workers share a Redis."""

    number: int
    count: int
    process_secret: str
    siblings: Siblings
    pages: KeptPages
    channel: LocalChannel | None = None
    admin_socket: socket.socket | None = None


class WorkerServer(Server):
    """A server that tells its parent when it accepts connections, and ends without delay if its parent does.

    `status` is a pipe to the parent, `lifeline` one that ends with the parent, or that the parent closes.
    """

    def __init__(self, app: Any, host: str, port: int, status: int, lifeline: int) -> None:
        super().__init__(app, host, port)
        self._status = status
        self._lifeline = lifeline

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then tell the parent."""
        await super().startup(sockets)
        if self.started:
            asyncio.get_running_loop().add_reader(self._lifeline, self._note_end_of_parent)
            os.write(self._status, READY)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to end on SIGTERM. A terminal signals parent and workers: only the parent acts on SIGINT."""
        if sig != signal.SIGINT:
            super().handle_exit(sig, frame)

    def _note_end_of_parent(self) -> None:
        asyncio.get_running_loop().remove_reader(self._lifeline)
        self.end_without_delay()
