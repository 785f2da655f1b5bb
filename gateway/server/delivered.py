"""A client that does not take its answer is left: until then the answer is held in memory."""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

#: Bytes that a client must take in the time it has for it.
_TAKEN = 65_536


class Delivered(HttpToolsProtocol):
    """A connection whose client has `patience` seconds for each 64 kB that wait for it."""

    patience = 30.0

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._left = 0
        self._looking: asyncio.TimerHandle | None = None

    def connection_lost(self, exc: Exception | None) -> None:
        """It has gone."""
        self._satisfied()
        super().connection_lost(exc)

    def on_response_complete(self) -> None:
        """An answer was handed over, though not all of it may have left."""
        super().on_response_complete()
        if self.transport.is_closing():
            self._look()

    def timeout_keep_alive_handler(self) -> None:
        """The connection was not used for long."""
        super().timeout_keep_alive_handler()
        self._look()

    def pause_writing(self) -> None:
        """The client takes its answer slower than it was written."""
        super().pause_writing()
        self._look()

    def resume_writing(self) -> None:
        """It has taken most of it."""
        super().resume_writing()
        self._satisfied()

    def _look(self) -> None:
        """Look how much has been taken when the time is over."""
        self._left = self.transport.get_write_buffer_size()
        if self._looking is None:
            self._looking = self.loop.call_later(self.patience, self._looked)

    def _looked(self) -> None:
        before, left, self._looking = self._left, self.transport.get_write_buffer_size(), None
        if left and left > before - _TAKEN:
            self.transport.abort()
        elif left:
            self._look()

    def _satisfied(self) -> None:
        if self._looking is not None:
            self._looking.cancel()
            self._looking = None
