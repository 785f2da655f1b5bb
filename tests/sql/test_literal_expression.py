"""Values of literal expressions, as SQL Server evaluates them."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sql.batches import TEXTS, literal

from gateway.sql.lexer import PIECE, SqlSyntaxError, TokenKind
from gateway.sql.literal_expression import MOST_OPERANDS, Expression
from gateway.sql.token_reader import TokenReader


def evaluate(text: str) -> tuple[TokenKind, bytes]:
    reader = TokenReader(text.encode())
    expression = Expression(reader)
    value = b"".join(expression.pieces())
    assert reader.is_at_end()
    return expression.kind, value


def units(text: str) -> bytes:
    return text.encode("utf-16-le", "surrogatepass")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("N''", ""),
        ("N'it''s'", "it's"),
        ("N''''''", "''"),
        ("'ascii'", "ascii"),
        ("N'a\r\nb\nc\rd'", "a\r\nb\nc\rd"),
        ("N'a\\\nb'", "ab"),
        ("N'a\\\r\nb'", "ab"),
        ("N'a\\\\\nb'", "a\\b"),
        ("N'a\\nb\\'", "a\\nb\\"),
        ("N'\\''\n'", "\\'\n"),
        ("N'\U0001f600'", "\ud83d\ude00"),
        ("NCHAR(0)", "\x00"),
        ("nchar ( 65535 )", "\uffff"),
        ("NCHAR(55357) + N'' + NCHAR(56832)", "\U0001f600"),
        ("CAST(N'a''' AS nvarchar(max)) + N'\n' + NCHAR(0)", "a'\n\x00"),
        ("N'a' + CAST(N'b' AS NVARCHAR(MAX))", "ab"),
        ("CAST('a' AS varchar(max)) + 'b'", "ab"),
        ("N'-- /* GO $(x) ; '", "-- /* GO $(x) ; "),
    ],
)
def test_value_of_a_text(text: str, value: str) -> None:
    assert evaluate(text)[1] == units(value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0x", b""),
        ("0XaF", b"\xaf"),
        ("0x01 + 0x02", b"\1\2"),
        ("CAST(0x01 AS varbinary(max)) + 0x02", b"\1\2"),
    ],
)
def test_value_of_a_binary(text: str, value: bytes) -> None:
    assert evaluate(text) == (TokenKind.BINARY, value)


@pytest.mark.parametrize(
    "text",
    [
        "0x1", "0x01 + N'a'", "N'a' + 'a'", "'\u00e9'", "N'a\x00'", "N'a\\\rb'", "NCHAR(65536)", "NCHAR(-1)",
        "NCHAR(0x41)",
        "NCHAR(1.0)", "NCHAR(1e)", "NCHAR(000065)", "NCHAR(00)", "NCHAR()", "NCHAR(1", "CHAR(65)",
        "CAST(N'a' AS nvarchar(4000))",
        "CAST(N'a' AS varchar(max))", "CAST('a' AS nvarchar(max))", "CAST(N'a' + N'b' AS nvarchar(max))",
        "CAST(NULL AS int)",
        "CAST(NCHAR(1) AS nvarchar(max))", "NULL", "1", "@x", "(N'a')", "-N'a'", "N'a' +", "+ N'a'",
        "N'a' + @x", "[a]", '"a"',
        "N'a' + (N'b')", "N'a' /**/ + N'b'", "CONCAT(N'a', N'b')", "N'a' + NCHAR(1)(2)", "N'a' N'b'",
        "N'a'; DROP TABLE x",
        "N'a' COLLATE Latin1_General_BIN", "",
    ],
)  # fmt: skip
def test_other_expression_is_refused(text: str) -> None:
    with pytest.raises((SqlSyntaxError, AssertionError)):
        evaluate(text)


def test_text_that_is_not_utf8_is_refused() -> None:
    for text in (b"N'\xff'", b"N'\xed\xa0\x80'", b"N'\xc0\xa7'", b"N'" + b"\x80" * 70_000 + b"'"):
        with pytest.raises(UnicodeError):
            list(Expression(TokenReader(text)).pieces())


@pytest.mark.parametrize(
    ("literal_of", "limit"),
    [
        (lambda length: f"N'{'a' * length}'", 4_000),
        (lambda length: f"'{'a' * length}'", 8_000),
        (lambda length: f"0x{'00' * length}", 8_000),
    ],
    ids=["nvarchar", "varchar", "varbinary"],
)
def test_joined_value_over_the_limit_is_cut(literal_of: Callable[[int], str], limit: int) -> None:
    assert evaluate(f"{literal_of(limit - 1)} + {literal_of(1)}")[1]
    with pytest.raises(SqlSyntaxError, match="cut"):
        evaluate(f"{literal_of(limit)} + {literal_of(1)}")
    assert evaluate(f"{literal_of(limit + 1)} + {literal_of(1)}")[1]  # a long literal is of the (max) type
    with pytest.raises(SqlSyntaxError, match="cut"):  # too late: the first two are joined before the third
        evaluate(f"{literal_of(limit)} + {literal_of(1)} + {literal_of(limit + 1)}")


def test_astral_characters_count_as_two_units() -> None:
    with pytest.raises(SqlSyntaxError, match="cut"):
        evaluate("N'" + "\U0001f600" * 2_000 + "' + N'a'")


def test_number_of_operands_has_a_limit() -> None:
    first = "CAST(N'' AS nvarchar(max))"
    assert len(evaluate(first + "+N''" * (MOST_OPERANDS - 1))[1]) == 0
    with pytest.raises(SqlSyntaxError, match="operands"):
        evaluate(first + "+N''" * MOST_OPERANDS)


@pytest.mark.parametrize(
    ("mark", "value"),
    [
        ("''", "'"),
        ("''''", "''"),
        ("\\\n", ""),
        ("\\\r\n", ""),
        ("\\\\\n", "\\"),
        ("''\\\n''", "''"),
        ("\u20ac", "\u20ac"),
        ("\U0001f600", "\U0001f600"),
        ("\\\u20ac''", "\\\u20ac'"),
        ("\r\n", "\r\n"),
    ],
)
@pytest.mark.parametrize("before", range(PIECE - 6, PIECE + 2))
def test_marks_at_the_end_of_a_piece(before: int, mark: str, value: str) -> None:
    for times in (1, 2):
        actual = evaluate(f"N'{'a' * before}{mark * times}{'b' * PIECE}'")[1]
        assert actual == units("a" * before + value * times + "b" * PIECE)


@pytest.mark.parametrize("mark", ["''", "\\\n", "\u20ac", "\\"])
def test_long_run_of_marks(mark: str) -> None:
    value = {"''": "'", "\\\n": ""}.get(mark, mark)
    assert evaluate(f"N'a{mark * PIECE}b'")[1] == units(f"a{value * PIECE}b")


@given(TEXTS)
def test_value_of_any_text_is_read_back(value: str) -> None:
    assert evaluate(literal(value))[1] == units(value)


@given(st.binary())
def test_value_of_any_binary_is_read_back(value: bytes) -> None:
    assert evaluate(literal(value))[1] == value
