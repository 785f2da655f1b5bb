"""A position in a text."""

import pytest

from gateway.sql.lexer import SqlSyntaxError, TokenKind
from gateway.sql.token_reader import TokenReader


def test_tokens_are_read_one_by_one() -> None:
    reader = TokenReader(b" Set\n@x =0x01 ;\n")
    assert reader.peek(1).kind is TokenKind.VARIABLE
    assert not reader.skip(b"declare")
    assert reader.skip(b"set")
    assert reader.word(TokenKind.VARIABLE) == b"@x"
    reader.expect(b"=")
    assert reader.take(TokenKind.BINARY).start == 9
    assert not reader.is_at_end()
    reader.expect(b";")
    assert reader.is_at_end()


@pytest.mark.parametrize(
    "text", [b"'set'", b"[set]", b'"set"', b"N'set'", b"settle", b"/**/ set", b"", b"@set"]
)
def test_keyword_is_a_bare_word(text: bytes) -> None:
    reader = TokenReader(text)
    assert not reader.skip(b"set")
    with pytest.raises(SqlSyntaxError):
        reader.expect(b"set")


def test_end_is_no_token() -> None:
    for act in (lambda reader: reader.peek(), lambda reader: reader.take(TokenKind.NAME)):
        with pytest.raises(SqlSyntaxError):
            act(TokenReader(b" "))


def test_unreadable_text_is_refused_where_it_is_reached() -> None:
    reader = TokenReader(b"set $")
    assert reader.skip(b"set")
    with pytest.raises(SqlSyntaxError):
        reader.peek()
