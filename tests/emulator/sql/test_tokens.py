"""Reading of tokens."""

import pytest

from gateway.emulator.sql.errors import SqlServerError
from gateway.emulator.sql.scanner import scan
from gateway.emulator.sql.tokens import TokenReader


def test_tokens_are_read_to_the_end_and_again() -> None:
    tokens = TokenReader(scan("SET @x = 1"))
    assert (tokens.current.value, tokens.lookahead.value) == ("SET", "@x")
    assert tokens.accept_word("declare", "set")
    assert not tokens.accept_symbol("=")
    assert tokens.expect("variable").value == "@x"
    tokens.expect_symbol("=")
    tokens.next()
    assert tokens.next().kind == tokens.next().kind == tokens.lookahead.kind == "end"
    tokens.position = 0
    assert tokens.current.keyword == "set"


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("x", (102, "Incorrect syntax near 'x'.")),
        ("From", (156, "Incorrect syntax near the keyword 'From'.")),
    ],
)
def test_error_names_the_token(text: str, error: tuple[int, str]) -> None:
    with pytest.raises(SqlServerError) as caught:
        TokenReader(scan(text)).expect("variable")
    assert (caught.value.number, caught.value.message) == error


def test_end_names_the_last_token() -> None:
    tokens = TokenReader(scan("="))
    tokens.next()
    with pytest.raises(SqlServerError, match="near '='"):
        tokens.expect("number")
