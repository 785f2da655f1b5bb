"""Log configuration: one line per event on stderr, in JSON or as text, time in UTC."""

import asyncio
import atexit
import json
import logging
import os
import sys
from collections.abc import Callable, Mapping, MutableMapping
from datetime import UTC, datetime
from threading import RLock
from typing import Any, BinaryIO, Literal, cast

import msgspec
import structlog

from gateway.errors.exception_places import exception_fields
from gateway.telemetry.text_log import TextLog, text_line

#: Form of the lines: JSON for programs, text for people.
LogFormat = Literal["json", "text"]
#: Logs one event by its request id (letters, digits, `.-_`) and its duration in milliseconds.
LogEvent = Callable[[str, float], None]
#: Form of the lines of this process.
_format: LogFormat = "json"


def configure_logging(level: str, log_format: LogFormat = "json") -> "BatchedLogStream":
    """Log events of this level and above; return the stream, which also takes lines rendered as JSON."""
    global _format  # noqa: PLW0603 - one for the process
    _format = log_format
    min_level = logging.getLevelNamesMapping()[level.upper()]
    stream = BatchedLogStream(_stderr(log_format), logs_info=min_level <= logging.INFO)
    atexit.register(stream.write_out)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _describe_exception,
            structlog.processors.JSONRenderer(_encode_json),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(min_level),
        logger_factory=structlog.BytesLoggerFactory(cast(BinaryIO, stream)),
        cache_logger_on_first_use=True,
    )
    return stream


def format_line(level: str, event: str, **fields: str) -> str:
    """Return a line of the log's form: for errors of the command line, before or beside the log."""
    time = datetime.now(UTC).isoformat()[:-6]
    line = _encode_json({**fields, "event": event, "level": level, "timestamp": f"{time}Z"}, str)
    return text_line(line) if _format == "text" else line.decode()


def _stderr(log_format: LogFormat) -> BinaryIO:
    """Return the stream of the lines; text has colours on a terminal, unless NO_COLOR is set."""
    if log_format == "json":
        return sys.stderr.buffer
    in_colour = sys.stderr.isatty() and not os.environ.get("NO_COLOR")
    return cast(BinaryIO, TextLog(sys.stderr.buffer, in_colour=in_colour))


def _describe_exception(_: Any, __: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Replace `exc_info` by the exception's type and places: its text may contain a client's values."""
    error = line.pop("exc_info", None)
    if error is True:
        error = sys.exc_info()[1]
    return {**line, **exception_fields(error)} if isinstance(error, BaseException) else line


def _encode_json(line: dict[str, Any], default: Callable[[Any], Any]) -> bytes:
    """Encode a line as JSON in ASCII, so that no control character reaches a terminal.

    The slower encoder takes what the fast one cannot, such as a lone surrogate.
    """
    try:
        encoded = msgspec.json.encode(line, enc_hook=default)
    except (OverflowError, TypeError, ValueError):
        encoded = b"\x7f"
    if encoded.isascii() and b"\x7f" not in encoded:
        return encoded
    return json.dumps(line, default=default).replace("\x7f", "\\u007f").encode()


class BatchedLogStream:
    """A stream that writes the lines of one event loop iteration together; without a loop, at once.

    `add_lines` adds the parts of a line that may wait for `write_out`. Lines are written in the order in
    which they were added, from any thread.
    """

    def __init__(self, stream: BinaryIO, *, logs_info: bool = True) -> None:
        self._stream = stream
        self._pending_lines: list[bytes] = []
        self._logs_info = logs_info
        self._is_scheduled = False
        self._write_lock = RLock()
        self.add_lines = self._pending_lines.extend

    def event_logger(self, event: str, fields: Mapping[str, Any]) -> LogEvent:
        """Return a function that logs an event at level info; the fields are encoded once."""
        return EventLogger(self, event, fields) if self._logs_info else lambda _, __: None

    @property
    def pending_count(self) -> int:
        """Number of lines and parts of lines that wait."""
        return len(self._pending_lines)

    def write(self, line: bytes) -> None:
        """Add a line."""
        self._pending_lines.append(line)

    def flush(self) -> None:
        """Schedule the added lines to be written in the next iteration of the event loop."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self.write_out()
            return
        if not self._is_scheduled:
            self._is_scheduled = True
            loop.call_soon(self.write_out)

    def write_out(self) -> None:
        """Write the added lines; if the stream is broken, they are dropped."""
        with self._write_lock:
            self._is_scheduled = False
            lines = self._pending_lines[:]
            del self._pending_lines[: len(lines)]
            if lines:
                self._stream.write(b"".join(lines))
                self._stream.flush()


class EventLogger:
    """Logs one event at level info; its fields are encoded once, as the start of its lines."""

    __slots__ = ("_stream", "add_lines", "line_start")

    def __init__(self, stream: BatchedLogStream, event: str, fields: Mapping[str, Any]) -> None:
        self._stream = stream
        self.add_lines = stream.add_lines
        start = _encode_json({**fields, "event": event, "level": "info"}, str)[:-1]
        self.line_start = start + b',"request_id":"'

    def __call__(self, request_id: str, ms: float) -> None:
        """Log the event by its request id and its duration in milliseconds."""
        self._stream.write(b"".join((self.line_start, request_id.encode(), self.line_end(ms))))
        self._stream.flush()

    @staticmethod
    def line_end(ms: float) -> bytes:
        """Return the end of a line that is written now."""
        time = datetime.now(UTC).isoformat()[:-6].encode()
        return b'","ms":%.1f,"timestamp":"%bZ"}\n' % (ms, time)

    @property
    def stream(self) -> BatchedLogStream:
        """The stream of the lines."""
        return self._stream
