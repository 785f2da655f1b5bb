"""One JSON object per line on stderr; time in UTC."""

import asyncio
import atexit
import json
import logging
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, BinaryIO, cast

import msgspec
import structlog

#: A line of which only a name (letters, digits, `.-_`) and the milliseconds are new each time.
LogEvent = Callable[[str, float], None]


def configure_logging(level: str) -> "BatchedLogStream":
    """Write log lines of this level and above; what takes lines that are rendered already."""
    lowest = logging.getLevelNamesMapping()[level.upper()]
    lines = BatchedLogStream(sys.stderr.buffer, logs_info=lowest <= logging.INFO)
    atexit.register(lines.write_out)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(_encode_json),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(lowest),
        logger_factory=structlog.BytesLoggerFactory(cast(BinaryIO, lines)),
        cache_logger_on_first_use=True,
    )
    return lines


def _encode_json(line: dict[str, Any], default: Callable[[Any], Any]) -> bytes:
    """The line as JSON; by the slower renderer what the fast one has no form for, like half a surrogate."""
    try:
        return msgspec.json.encode(line, enc_hook=default)
    except (OverflowError, TypeError, ValueError):
        return json.dumps(line, default=default).encode()


class BatchedLogStream:
    """A stream that writes the lines of one turn of the event loop together; without a loop at once."""

    def __init__(self, stream: BinaryIO, *, logs_info: bool = True) -> None:
        self._stream = stream
        self._pending_lines: list[bytes] = []
        self._logs_info = logs_info

    def event_logger(self, event: str, fields: Mapping[str, Any]) -> LogEvent:
        """Writes an event at level info, with the fields rendered once, its `request_id` and its `ms`."""
        start = msgspec.json.encode({**fields, "event": event, "level": "info"})[:-1]

        def log_event(request_id: str, ms: float) -> None:
            time = datetime.now(UTC).isoformat()[:-6].encode()
            self.write(
                b'%b,"request_id":"%b","ms":%.1f,"timestamp":"%bZ"}\n'
                % (start, request_id.encode(), ms, time)
            )
            self.flush()

        return log_event if self._logs_info else lambda _, __: None

    def write(self, line: bytes) -> None:
        """Take a line."""
        self._pending_lines.append(line)

    def flush(self) -> None:
        """Have what waits written by the end of this turn."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self.write_out()
            return
        if len(self._pending_lines) == 1:
            loop.call_soon(self.write_out)

    def write_out(self) -> None:
        """Write what waits."""
        ready = len(self._pending_lines)
        self._stream.write(b"".join(self._pending_lines[:ready]))
        self._stream.flush()
        del self._pending_lines[:ready]
