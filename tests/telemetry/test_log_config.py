"""Log configuration, tested in a process, and batched log lines."""

import asyncio
import json
import subprocess
import sys
from datetime import UTC, datetime
from io import BytesIO
from typing import Any

import pytest

from gateway.telemetry.log_config import BatchedLogStream

PROGRAM = """
import structlog
from gateway.telemetry.log_config import configure_logging

configure_logging({level!r})
log = structlog.get_logger()
log.debug("detail")
log.info("request", status=200, repairs=("link-base-url",))
log.debug("odd", text="\\ud800", number=2**70)
try:
    1 / 0
except ZeroDivisionError:
    log.error("unhandled-exception", reference="r-1", exc_info=True)
"""


def log_lines(level: str) -> list[dict[str, object]]:
    """Log lines of a separate process, because structlog's configuration is global."""
    program = [sys.executable, "-c", PROGRAM.format(level=level)]
    completed = subprocess.run(program, capture_output=True, check=True, text=True)
    assert completed.stdout == ""
    return [json.loads(line) for line in completed.stderr.splitlines()]


def test_log_line_is_json_on_stderr_in_utc() -> None:
    request_line, exception_line = log_lines("info")
    assert (request_line["event"], request_line["level"], request_line["status"]) == ("request", "info", 200)
    assert request_line["repairs"] == ["link-base-url"]
    timestamp = datetime.fromisoformat(str(request_line["timestamp"]))
    assert timestamp.utcoffset() == UTC.utcoffset(None)
    assert exception_line["reference"] == "r-1"
    assert "ZeroDivisionError" in str(exception_line["exception"])


@pytest.mark.parametrize(
    ("level", "events"),
    [
        ("debug", ["detail", "request", "odd", "unhandled-exception"]),
        ("info", ["request", "unhandled-exception"]),
        ("warning", ["unhandled-exception"]),
        ("error", ["unhandled-exception"]),
    ],
)
def test_only_events_of_minimum_level_are_logged(level: str, events: list[str]) -> None:
    assert [line["event"] for line in log_lines(level)] == events


def test_event_logger_writes_a_complete_line() -> None:
    stream = BytesIO()
    BatchedLogStream(stream).event_logger("request", {"status": 200, "parameters": ["_count"]})("r-1", 0.123)
    line = json.loads(stream.getvalue())
    timestamp = datetime.fromisoformat(line.pop("timestamp"))
    assert timestamp.utcoffset() == UTC.utcoffset(None)
    assert line == {
        "status": 200,
        "parameters": ["_count"],
        "event": "request",
        "level": "info",
        "request_id": "r-1",
        "ms": 0.1,
    }
    empty_stream = BytesIO()
    BatchedLogStream(empty_stream, logs_info=False).event_logger("request", {})("r-1", 0.1)
    assert empty_stream.getvalue() == b""


class RecordingStream(BytesIO):
    """A stream that records each write."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[bytes] = []

    def write(self, data: Any) -> int:
        self.writes.append(bytes(data))
        return len(data)


@pytest.mark.anyio
async def test_lines_of_one_loop_iteration_are_written_together() -> None:
    stream = RecordingStream()
    log_stream = BatchedLogStream(stream)
    for line in (b"a\n", b"b\n"):
        log_stream.write(line)
        log_stream.flush()
    assert stream.writes == []
    await asyncio.sleep(0)
    assert stream.writes == [b"a\nb\n"]


def test_line_without_event_loop_is_written_at_once() -> None:
    stream = RecordingStream()
    log_stream = BatchedLogStream(stream)
    log_stream.write(b"c\n")
    log_stream.flush()
    assert stream.writes == [b"c\n"]


FORMS = """
import sys
import structlog
from gateway.telemetry.log_config import configure_logging, format_line

stream = configure_logging("info", {form!r})
structlog.get_logger().error("start-failed", problem="caf\\u00e9 \\x1b[31m\\x7f\\x9b\\u2028\\nforged")
stream.event_logger("request", {{"site": "caf\\u00e9"}})("r-1", 0.1)
print(format_line("error", "start-failed", problem="\\x9b\\nforged"), file=sys.stderr)
"""


@pytest.mark.parametrize("form", ["json", "text"])
def test_no_control_character_reaches_a_terminal(form: str) -> None:
    program = [sys.executable, "-c", FORMS.format(form=form)]
    stderr = subprocess.run(program, capture_output=True, check=True).stderr.decode("ascii")
    lines = stderr.splitlines()
    assert len(lines) == 3
    assert all(line.isprintable() for line in lines)
    assert all(line.startswith("{") for line in lines) is (form == "json")
    assert [line.startswith("20") for line in lines] == [form == "text"] * 3
