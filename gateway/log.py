"""One JSON object per line on stderr; time in UTC."""

import asyncio
import atexit
import json
import logging
import sys
from collections.abc import Callable
from typing import Any, BinaryIO, cast

import orjson
import structlog


def configure(level: str) -> None:
    """Write log lines of this level and above."""
    lines = Lines(sys.stderr.buffer)
    atexit.register(lines.write_out)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(_json),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.BytesLoggerFactory(cast(BinaryIO, lines)),
        cache_logger_on_first_use=True,
    )


def _json(line: dict[str, Any], default: Callable[[Any], Any]) -> bytes:
    """The line as JSON; by the slower renderer what the fast one has no form for, like half a surrogate."""
    try:
        return orjson.dumps(line, default=default)
    except TypeError:
        return json.dumps(line, default=default).encode()


class Lines:
    """A stream that writes the lines of one turn of the event loop together; without a loop at once."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._waiting: list[bytes] = []

    def write(self, line: bytes) -> None:
        """Take a line."""
        self._waiting.append(line)

    def flush(self) -> None:
        """Have what waits written by the end of this turn."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self.write_out()
            return
        if len(self._waiting) == 1:
            loop.call_soon(self.write_out)

    def write_out(self) -> None:
        """Write what waits."""
        lines, self._waiting = self._waiting, []
        self._stream.write(b"".join(lines))
        self._stream.flush()
