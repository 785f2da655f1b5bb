"""Time that a client has to read a response."""

import asyncio
from typing import Any

from gateway.server.ending_connection import EndingConnection

#: Bytes that a client must read within each `write_timeout`.
_MIN_PROGRESS_BYTES = 65_536


class WriteTimeout(EndingConnection):
    """A connection whose client has `write_timeout` seconds to read each 64 kB of the response."""

    write_timeout = 30.0

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._unsent_bytes = 0
        self._write_timer: asyncio.TimerHandle | None = None

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the timer."""
        self._cancel_write_timer()
        super().connection_lost(exc)

    def on_response_complete(self) -> None:
        """Start the timer if the connection closes: part of the response may still be unsent."""
        super().on_response_complete()
        if self.transport.is_closing():
            self._start_write_timer()

    def timeout_keep_alive_handler(self) -> None:
        """Close the idle connection, within the time limit."""
        super().timeout_keep_alive_handler()
        if self.transport.is_closing():
            self._start_write_timer()

    def pause_writing(self) -> None:
        """Start the timer: the client reads more slowly than the gateway writes."""
        super().pause_writing()
        self._start_write_timer()

    def resume_writing(self) -> None:
        """Stop the timer: the client has read most of the response."""
        super().resume_writing()
        self._cancel_write_timer()

    def _start_write_timer(self) -> None:
        """Note the unsent bytes and start the timer."""
        self._unsent_bytes = self.transport.get_write_buffer_size()
        if self._write_timer is None:
            self._write_timer = self.loop.call_later(self.write_timeout, self._on_write_timeout)

    def _on_write_timeout(self) -> None:
        unsent_bytes, self._write_timer = self.transport.get_write_buffer_size(), None
        if unsent_bytes and unsent_bytes > self._unsent_bytes - _MIN_PROGRESS_BYTES:
            self.transport.abort()
        elif unsent_bytes:
            self._start_write_timer()

    def _cancel_write_timer(self) -> None:
        if self._write_timer is not None:
            self._write_timer.cancel()
            self._write_timer = None
