"""Log lines of what Python and libraries would write to stderr: messages, warnings and tracebacks.

They contain no values: of a message only its template, redacted; of an exception its type and its places.
"""

import logging
import sys
import threading
import warnings
from typing import TextIO

import structlog

from gateway.errors.exception_places import exception_fields
from gateway.errors.redaction import redact


def capture_process_output() -> None:
    """Log what Python and libraries would write to stderr as text. Changes the whole process."""
    logging.basicConfig(handlers=[_LibraryHandler()], level=logging.WARNING, force=True)
    warnings.showwarning = _log_warning
    sys.excepthook = lambda _, error, __: _log_exception(error)
    threading.excepthook = lambda thread: _log_exception(thread.exc_value)
    sys.unraisablehook = lambda unraisable: _log_exception(unraisable.exc_value)


class _LibraryHandler(logging.Handler):
    """Handler of the standard library's logging: uvicorn, asyncio and all other libraries use it."""

    def emit(self, record: logging.LogRecord) -> None:
        """Log the record without its arguments."""
        error = record.exc_info[1] if record.exc_info else None
        structlog.get_logger().log(
            record.levelno,
            "library-message",
            logger=record.name,
            message=_redacted_template(record.msg),
            **(exception_fields(error) if error else {}),
        )


def _redacted_template(message: object) -> str:
    """First line of a message, redacted, because some libraries format values into it."""
    lines = message.splitlines() if isinstance(message, str) else []
    return redact(lines[0]) if lines else type(message).__name__


def _log_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    del message, file, line
    structlog.get_logger().warning("python-warning", category=category.__name__, place=f"{filename}:{lineno}")


def _log_exception(error: BaseException | None) -> None:
    structlog.get_logger().error("uncaught-exception", **(exception_fields(error) if error else {}))
