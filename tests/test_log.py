import json
import subprocess
import sys
from datetime import UTC, datetime

import pytest

PROGRAM = """
import structlog
from gateway.log import configure

configure({level!r})
log = structlog.get_logger()
log.debug("detail")
log.info("exchange", status=200, repairs=("link-base-url",))
try:
    1 / 0
except ZeroDivisionError:
    log.error("unexpected", reference="r-1", exc_info=True)
"""


def lines(level: str) -> list[dict[str, object]]:
    """What a process of its own writes: structlog's configuration is global."""
    program = [sys.executable, "-c", PROGRAM.format(level=level)]
    ran = subprocess.run(program, capture_output=True, check=True, text=True)
    assert ran.stdout == ""
    return [json.loads(line) for line in ran.stderr.splitlines()]


def test_each_line_is_one_json_object_on_stderr_in_utc() -> None:
    exchange, unexpected = lines("info")
    assert (exchange["event"], exchange["level"], exchange["status"]) == ("exchange", "info", 200)
    assert exchange["repairs"] == ["link-base-url"]
    stamp = datetime.fromisoformat(str(exchange["timestamp"]))
    assert stamp.utcoffset() == UTC.utcoffset(None)
    assert unexpected["reference"] == "r-1"
    assert "ZeroDivisionError" in str(unexpected["exception"])


@pytest.mark.parametrize(
    ("level", "events"),
    [
        ("debug", ["detail", "exchange", "unexpected"]),
        ("info", ["exchange", "unexpected"]),
        ("warning", ["unexpected"]),
        ("error", ["unexpected"]),
    ],
)
def test_the_level_is_the_least_that_is_written(level: str, events: list[str]) -> None:
    assert [line["event"] for line in lines(level)] == events
