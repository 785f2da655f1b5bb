"""Tokens: where each ends, what is refused, and no gap between them."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.sql.lexer import PIECE, SqlSyntaxError, TokenKind, tokens

PARTS = [
    "SELECT", "N'", "'", "''", "[", "]", "]]", '"', "@x", "@@y", "0x", "0xaf", "12", ".5", "1e", "--", "/*",
    "*/",
    "\n", "\r\n", "\r", " ", "+", ";", ",", ".", "\\", "$", "é", "\u2028", "\x00", "{", "#t",
]  # fmt: skip


def kinds_and_texts(text: bytes) -> list[tuple[TokenKind, bytes]]:
    return [(token.kind, text[token.start : token.end]) for token in tokens(text)]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (b" \t\r\n", TokenKind.SPACE),
        (b"-- it's a comment", TokenKind.COMMENT),
        ("-- \u00e9 \u201c \U0001f600".encode(), TokenKind.COMMENT),
        (b"/* a /* b */ ' c */", TokenKind.COMMENT),
        (b"/*/**/*/", TokenKind.COMMENT),
        (b"dbo", TokenKind.NAME),
        (b"#t$@1", TokenKind.NAME),
        (b"[a]]b ' -- ]", TokenKind.BRACKETED),
        (b'"a""b"', TokenKind.QUOTED),
        (b"@x", TokenKind.VARIABLE),
        (b"@@ROWCOUNT", TokenKind.VARIABLE),
        (b"N'it''s \\ -- /* '", TokenKind.NATIONAL),
        (b"n''", TokenKind.NATIONAL),
        (b"'GO\n'", TokenKind.STRING),
        (b"0x", TokenKind.BINARY),
        (b"0XaF09", TokenKind.BINARY),
        (b"12.5e-3", TokenKind.NUMBER),
        (b".5", TokenKind.NUMBER),
        (b"1e", TokenKind.NUMBER),
        (b"+", TokenKind.SYMBOL),
    ],
)
def test_token_is_whole(text: bytes, kind: TokenKind) -> None:
    assert kinds_and_texts(text) == [(kind, text)]
    assert kinds_and_texts(text + b"\n;")[0] == (kind, text) or kind is TokenKind.SPACE


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        (b"1eINTO", [b"1e", b"INTO"]),  # SQL Server reads 1e as a number
        (b"1.INTO", [b"1.", b"INTO"]),
        (b"0xDELETE", [b"0xDE", b"LETE"]),
        (b"N'a'N'b'", [b"N'a'", b"N'b'"]),
        (b"xN'a'", [b"xN", b"'a'"]),
        (b"[a][b]", [b"[a]", b"[b]"]),
        (b"-- a\nb", [b"-- a", b"\n", b"b"]),
        (b"-- a\r\nb", [b"-- a", b"\r\n", b"b"]),
    ],
)
def test_neighbours_are_two_tokens(text: bytes, parts: list[bytes]) -> None:
    assert [part for _, part in kinds_and_texts(text)] == parts


@pytest.mark.parametrize(
    "text",
    [
        b"'",
        b"N'",
        b"N'a''",
        b"[a",
        b"[a]]",
        b'"a""',
        b"/*",
        b"/* /* */",
        b"\\",
        b"$1",
        b"{call p}",
        b"?",
        b"`",
        b"@",
    ],
)
def test_unreadable_text_is_refused(text: bytes) -> None:
    with pytest.raises(SqlSyntaxError):
        list(tokens(text))


@pytest.mark.parametrize("end", ["\r", "\v", "\f", "\x00", "\x85", "\u2028", "\u2029", "\x1c"])
def test_line_comment_with_an_unclear_end_is_refused(end: str) -> None:
    """Where SQL Server may or may not end the line, the next line is code or comment."""
    with pytest.raises(SqlSyntaxError):
        list(tokens(f"-- a{end}SELECT 1\n".encode()))


@pytest.mark.parametrize(
    "character", ["\u2019", "\uff07", "\u00a0", "\u3000", "\ufeff", "\x00", "\x01", "\v", "é"]
)
def test_character_outside_ascii_or_control_needs_quotes(character: str) -> None:
    with pytest.raises(SqlSyntaxError):
        list(tokens(f"SELECT {character}".encode()))
    assert len(list(tokens(f"N'{character}'".encode()))) == 1


@pytest.mark.parametrize("word", [b"a", b"@"])
def test_endless_word_is_refused(word: bytes) -> None:
    assert len(list(tokens(word + b"a" * 511))) == 1
    with pytest.raises(SqlSyntaxError):
        list(tokens(word + b"a" * 512))


@pytest.mark.parametrize("quotes", range(1, 6))
@pytest.mark.parametrize("before", range(PIECE - 4, PIECE + 3))
def test_quotes_at_the_end_of_a_piece(before: int, quotes: int) -> None:
    """An odd number of quotes ends the literal, an even number is part of it."""
    text = b"N'" + b"a" * before + b"'" * quotes + b";';"
    ends = [token.end for token in tokens(text)] if quotes % 2 == 0 else [next(tokens(text)).end]
    assert ends[0] == (len(text) - 1 if quotes % 2 == 0 else before + quotes + 2)


@pytest.mark.parametrize("before", range(PIECE - 3, PIECE + 3))
def test_marks_of_a_comment_at_the_end_of_a_piece(before: int) -> None:
    for text in (b"a" * before + b"/**/", b"*" * before, b"a" * before):
        assert [kind for kind, _ in kinds_and_texts(b"/*" + text + b"*/;")] == ["comment", "symbol"]


@given(st.lists(st.sampled_from(PARTS) | st.text(max_size=3), max_size=12).map("".join))
def test_tokens_leave_no_gap(text: str) -> None:
    data = text.encode("utf-8", "replace")
    end = 0
    with suppress(SqlSyntaxError):
        for token in tokens(data):
            assert token.start == end < token.end
            end = token.end
        assert end == len(data)


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=200))
def test_string_ends_at_the_first_quote_that_is_not_doubled(value: str) -> None:
    quoted = value.replace("'", "''").encode()
    assert [each.end for each in tokens(b"N'" + quoted + b"';;")] == [len(quoted) + 3 + i for i in range(3)]
