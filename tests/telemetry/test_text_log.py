"""The log for people."""

import json
from io import BytesIO
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from gateway.telemetry.text_log import TextLog, text_line

TIME = "2026-07-01T02:00:00.125000Z"


def text(**fields: Any) -> str:
    first = {"timestamp": TIME, "level": "info", "event": "request"}
    return text_line(json.dumps(first | fields).encode())


def test_line_begins_with_time_level_and_event() -> None:
    assert text(site="harbour", status=200) == (
        f"{TIME} info     request                     site=harbour status=200"
    )


def test_values_are_plain_or_quoted() -> None:
    shown = text(
        parameters=["_count", "family"],
        alarm=True,
        ms=0.1,
        problem='a "b"',
        url="http://h:1/",
        none=None,
        code="",
    )
    assert shown.endswith(r'parameters=_count,family alarm=true ms=0.1 problem="a \"b\"" url=http://h:1/')


def test_text_that_looks_like_fields_is_quoted() -> None:
    assert text(problem="x status=200").endswith(' problem="x status=200"')
    assert text(problem="a=b").endswith(' problem="a=b"')


@given(st.dictionaries(st.text(), st.text() | st.lists(st.text(), max_size=3), max_size=5))
def test_no_text_leaves_its_line_or_commands_a_terminal(fields: dict[str, Any]) -> None:
    shown = text(**fields)
    assert shown.isascii()
    assert shown.isprintable()


@given(st.binary())
def test_any_bytes_become_one_line(line: bytes) -> None:
    assert text_line(line).isprintable()


def test_line_that_is_no_json_is_quoted() -> None:
    assert text_line(b"\x1b[31mred") == r'"\u001b[31mred"'


def test_only_a_terminal_gets_colours() -> None:
    line = json.dumps({"timestamp": TIME, "level": "error", "event": "ledger-lost"}).encode()
    for in_colour in (True, False):
        stream = BytesIO()
        log = TextLog(stream, in_colour=in_colour)
        assert log.write(line + b"\n" + line + b"\n") == 2 * len(line) + 2
        log.flush()
        assert stream.getvalue().count(b"\n") == 2
        assert (b"\x1b[31m" in stream.getvalue()) is in_colour
    assert "\x1b" not in text_line(line.replace(b"error", b"info"), in_colour=True)
