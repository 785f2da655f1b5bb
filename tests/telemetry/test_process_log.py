"""Log of a process, tested in processes, because it belongs to the whole process."""

import json
import subprocess
import sys

import pytest

START = """
import logging, sys, threading, warnings
from gateway.telemetry.log_config import configure_logging
from gateway.telemetry.process_log import capture_process_output

configure_logging({level!r})
capture_process_output()
"""


def log_lines(program: str, level: str = "debug") -> list[dict[str, object]]:
    """Log lines of a program."""
    command = [sys.executable, "-c", START.format(level=level) + program]
    completed = subprocess.run(command, capture_output=True, check=False, text=True)
    assert "Zzyzx" not in completed.stderr
    return [json.loads(line) for line in completed.stderr.splitlines()]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ("error('The request of %s failed', 'Zzyzx')", "The request of %s failed"),
        ("error(f'The request of {str.title(\"zzyzx\")} failed')", "The request of … failed"),
        ("error('Not found\\nZzyzx')", "Not Found"),
        ("error('')", "str"),
        ("error(ValueError('Zzyzx'))", "ValueError"),
    ],
)
def test_message_of_a_library_is_logged_without_values(call: str, message: str) -> None:
    (line,) = log_lines(f"logging.getLogger('a.library').{call}")
    assert (line["event"], line["level"], line["logger"]) == ("library-message", "error", "a.library")
    assert str(line["message"]).lower() == message.lower().replace("%s", "…")


def test_exception_of_a_library_is_logged_by_type_and_places() -> None:
    program = "try: int('Zzyzx')\nexcept ValueError: logging.getLogger('uvicorn.error').exception('Failed')"
    (line,) = log_lines(program)
    assert (line["exception"], line["places"]) == ("ValueError", ["<string>:8"])


def test_messages_below_warning_are_not_logged_at_debug_level() -> None:
    assert log_lines("logging.getLogger('httpx').info('GET /Patient?family=Zzyzx')") == []


def test_level_of_the_log_applies_to_libraries() -> None:
    assert log_lines("logging.getLogger('a').warning('Failed')", "error") == []


def test_warning_is_logged_by_category_and_place() -> None:
    (line,) = log_lines("warnings.warn('Zzyzx', RuntimeWarning)")
    assert (line["event"], line["category"]) == ("python-warning", "RuntimeWarning")
    assert line["place"] == "<string>:8"


@pytest.mark.parametrize(
    "program",
    [
        "int('Zzyzx')",
        "thread = threading.Thread(target=lambda: int('Zzyzx'))\nthread.start()\nthread.join()",
        "class Broken:\n    def __del__(self): int('Zzyzx')\nBroken()",
    ],
)
def test_uncaught_exception_is_logged_without_its_text(program: str) -> None:
    (line,) = log_lines(program)
    assert (line["event"], line["level"], line["exception"]) == ("uncaught-exception", "error", "ValueError")
