"""A value of 10 MB costs at most six times its size, and no step holds the interpreter for 10 ms."""

import base64
import json
import tracemalloc
from functools import cache
from random import Random

import pytest
from support.interpreter_steps import has_short_steps

from gateway.sql.reasons import Reason
from gateway.sql.rewrite import LeftAlone, Rewritten, rewrite_query

SIZE = 10_000_000
CONTENT = Random(1).randbytes(SIZE)
STEP_SECONDS = 0.010


def body_of(sql_type: str, value: str) -> bytes:
    parameters = [{"name": "@id", "type": "Int"}, {"name": "@x", "type": sql_type, "value": value}]
    command = {"type": "storedProcedure", "text": "p", "parameters": parameters}
    return json.dumps({"command": command}, ensure_ascii=False).encode()


@cache
def sample(name: str) -> tuple[bytes, str, str]:
    """Body with a value of up to 10 MB, what its literal starts with, and the content of the literal."""
    match name:
        case "base64":
            return body_of("VarBinary", base64.b64encode(CONTENT).decode()), "= 0x", CONTENT.hex()
        case "hexadecimal":
            return body_of("VarBinary", "0x" + CONTENT.hex()), "= 0x", CONTENT.hex()
        case "ASCII":
            return body_of("NVarChar", "x" * SIZE), "= N'", "x" * SIZE
        case "emoji":
            return body_of("NText", "😀" * (SIZE // 4)), "= N'", "😀" * (SIZE // 4)
        case "quotes":
            return body_of("Xml", "'\"" * 1_000_000), "= N'", "''\"" * 1_000_000
    return body_of("NVarChar", "\\\r" + "\n" * 2_000_000), "+ N'", "\r" + "\n" * 2_000_000


SAMPLES = ("base64", "hexadecimal", "ASCII", "emoji", "quotes", "line breaks")


@pytest.mark.parametrize("name", SAMPLES)
def test_a_value_of_10_mb_costs_six_times_its_size(name: str) -> None:
    body, start, content = sample(name)
    tracemalloc.start()
    result = rewrite_query(body, "large")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert isinstance(result, Rewritten)
    assert peak < 6 * SIZE
    text = json.loads(result.body)["command"]["text"]
    assert text.partition(start)[2][: len(content)] == content


@pytest.mark.parametrize("name", SAMPLES)
def test_no_step_holds_the_interpreter_for_10_ms(name: str) -> None:
    body = sample(name)[0]
    assert has_short_steps(lambda: rewrite_query(body, "large"), STEP_SECONDS)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (body_of("NVarChar", "\0" * 2_000_000), Reason.OPERANDS),
        (body_of("NVarChar", "\\\n" * 3_000_000), Reason.OPERANDS),
        (b'{"a":[' + b'"",' * 4_000_000 + b'""]}', Reason.COMPLEX),
        (b'{"a":' + b"[" * 14_000_000, Reason.COMPLEX),
        (b'{"' + b"k" * 14_000_000 + b'":1}', Reason.COMPLEX),
        (b'{"a":"' + b"\x80" * 14_000_000 + b'"}', Reason.JSON),
        (b'{"a":"' + b"k" * 14_000_000, Reason.JSON),
    ],
    ids=["NULs", "continuations", "strings", "depth", "name", "no UTF-8", "no end"],
)
def test_what_could_take_long_is_left_alone_in_short_steps(body: bytes, reason: Reason) -> None:
    assert rewrite_query(body, "all") == LeftAlone(reason)
    assert has_short_steps(lambda: rewrite_query(body, "all"), STEP_SECONDS)
