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


def lines(level: str) -> list[dict[str, object]]:
    """What a process of its own writes: structlog's configuration is global."""
    program = [sys.executable, "-c", PROGRAM.format(level=level)]
    ran = subprocess.run(program, capture_output=True, check=True, text=True)
    assert ran.stdout == ""
    return [json.loads(line) for line in ran.stderr.splitlines()]


def test_each_line_is_one_json_object_on_stderr_in_utc() -> None:
    exchange, unexpected = lines("info")
    assert (exchange["event"], exchange["level"], exchange["status"]) == ("request", "info", 200)
    assert exchange["repairs"] == ["link-base-url"]
    stamp = datetime.fromisoformat(str(exchange["timestamp"]))
    assert stamp.utcoffset() == UTC.utcoffset(None)
    assert unexpected["reference"] == "r-1"
    assert "ZeroDivisionError" in str(unexpected["exception"])


@pytest.mark.parametrize(
    ("level", "events"),
    [
        ("debug", ["detail", "request", "odd", "unhandled-exception"]),
        ("info", ["request", "unhandled-exception"]),
        ("warning", ["unhandled-exception"]),
        ("error", ["unhandled-exception"]),
    ],
)
def test_the_level_is_the_least_that_is_written(level: str, events: list[str]) -> None:
    assert [line["event"] for line in lines(level)] == events


def test_a_repeated_line_reads_like_any_other() -> None:
    stream = BytesIO()
    BatchedLogStream(stream).event_logger("request", {"status": 200, "parameters": ["_count"]})("r-1", 0.123)
    line = json.loads(stream.getvalue())
    stamp = datetime.fromisoformat(line.pop("timestamp"))
    assert stamp.utcoffset() == UTC.utcoffset(None)
    assert line == {
        "status": 200,
        "parameters": ["_count"],
        "event": "request",
        "level": "info",
        "request_id": "r-1",
        "ms": 0.1,
    }
    silent = BytesIO()
    BatchedLogStream(silent, logs_info=False).event_logger("request", {})("r-1", 0.1)
    assert silent.getvalue() == b""


def test_lines_of_one_turn_of_the_loop_are_written_together() -> None:
    written: list[bytes] = []

    class Stream(BytesIO):
        def write(self, data: Any) -> int:
            written.append(bytes(data))
            return len(data)

    async def turn(lines: BatchedLogStream) -> None:
        for number in b"ab":
            lines.write(b"%c\n" % number)
            lines.flush()
        assert written == []
        await asyncio.sleep(0)
        assert written == [b"a\nb\n"]

    lines = BatchedLogStream(Stream())
    asyncio.run(turn(lines))
    lines.write(b"c\n")
    lines.flush()
    assert written == [b"a\nb\n", b"c\n"]
