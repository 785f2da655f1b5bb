"""Literals hold a value to the bit, by the rules of T-SQL that this file applies on its own."""

import json
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.sql.json_skeleton import Skeleton
from gateway.sql.literals import MAX_OPERANDS, binary_literal, operand_count, text_literal
from gateway.sql.value import BinaryValue, TextValue

PARTS = st.sampled_from(
    ["'", "''", "\\", "\\\n", "\\\r\n", "\\\r", "\r\n", "\0", "\ud83d", "\ude00", "😀", "]", "[", "\nGO\n",
     "--", "/*", "$(x)", "N'", "';DROP", "é", "\u2028"]
)  # fmt: skip
TEXTS = st.lists(PARTS | st.text(st.characters(), max_size=8), max_size=12).map("".join)
_OPERAND = re.compile(r"CAST\(N'((?:[^']|'')*)' AS nvarchar\(max\)\)|N'((?:[^']|'')*)'|NCHAR\((\d+)\)")


def value_of(text: str, piece: int = 65_536) -> TextValue:
    skeleton = Skeleton(json.dumps({"v": text}).encode(), piece)
    string = skeleton.string(skeleton.fields()["v"])
    assert string is not None
    return TextValue(string)


def literal(text: str, piece: int = 65_536) -> str:
    return b"".join(text_literal(value_of(text, piece))).decode()


def units(text: str) -> bytes:
    return text.encode("utf-16-le", "surrogatepass")


def evaluate(expression: str) -> bytes:
    """UTF-16 that SQL Server computes: continuations vanish, a sum without a long operand is cut."""
    value, position, is_max = b"", 0, False
    for match in _OPERAND.finditer(expression):
        assert expression[position : match.start()] == (" + " if position else "")
        cast, plain, unit = match.groups()
        content = re.sub(r"\\\r?\n", "", cast or plain or "").replace("''", "'")
        operand = int(unit).to_bytes(2, "little") if unit else units(content)
        is_max = is_max or cast is not None or len(operand) > 8_000
        value = value + operand if is_max else (value + operand)[:8_000]
        position = match.end()
    assert position == len(expression)
    return value


@given(text=TEXTS, piece=st.integers(12, 30))
@example(text="\\", piece=12)
@example(text="a" * 10 + "\\\n", piece=12)
@example(text="\ude00\ud83d", piece=12)
def test_the_server_computes_every_unit_of_the_text(text: str, piece: int) -> None:
    whole = json.loads(json.dumps(text))
    assert evaluate(literal(text, piece)) == units(whole)


@given(text=TEXTS)
def test_a_sum_is_written_only_where_needed(text: str) -> None:
    whole = json.loads(json.dumps(text))
    needed = re.search("[\0\ud800-\udfff]|\\\\(?=[\r\n])", whole) is not None
    assert ("CAST(" in literal(text)[:5]) is needed
    assert literal(text).count(" + ") < operand_count(value_of(text)) or operand_count(value_of(text)) == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "N''"),
        ("it's", "N'it''s'"),
        ("a\\b\n", "N'a\\b\n'"),
        ("a\\\nb", "CAST(N'a\\' AS nvarchar(max)) + N'\nb'"),
        ("\0", "CAST(N'' AS nvarchar(max)) + NCHAR(0)"),
        ("a\ud800b", "CAST(N'a' AS nvarchar(max)) + NCHAR(55296) + N'b'"),
        ("GO\n--$(x)", "N'GO\n--$(x)'"),
    ],
)
def test_a_literal_is_written_like_this(text: str, expected: str) -> None:
    assert literal(text) == expected


def test_a_long_text_around_a_nul_is_not_cut() -> None:
    text = "x" * 3_000 + "\0" + "y" * 3_000
    assert evaluate(literal(text)) == units(text)


def test_counting_operands_ends_at_the_limit() -> None:
    assert operand_count(value_of("\\\n" * (MAX_OPERANDS - 1))) == MAX_OPERANDS
    assert operand_count(value_of("\0" * 100_000)) <= MAX_OPERANDS + 2
    assert operand_count(value_of("x" * 100_000)) == 1


@given(content=st.binary(max_size=200))
def test_bytes_become_hexadecimal_digits(content: bytes) -> None:
    skeleton = Skeleton(json.dumps({"v": f"0x{content.hex()}"}).encode(), 16)
    string = skeleton.string(skeleton.fields()["v"])
    assert string is not None
    assert b"".join(binary_literal(BinaryValue(string))) == f"0x{content.hex()}".encode()
