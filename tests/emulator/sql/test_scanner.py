"""Tokens of T-SQL: literals, names, comments, errors."""

import pytest

from gateway.emulator.sql.errors import SqlServerError
from gateway.emulator.sql.scanner import scan


def kinds(text: str) -> list[tuple[str, str]]:
    """Kind and value of each token but the end."""
    return [(token.kind, token.value) for token in scan(text)[:-1]]


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("''", [("string", "")]),
        ("'it''s'", [("string", "it's")]),
        ("''''''", [("string", "''")]),
        ("N'a'", [("nstring", "a")]),
        ("N''''", [("nstring", "'")]),
        ("N 'a'", [("word", "N"), ("string", "a")]),
        ("n'a'", [("word", "n"), ("string", "a")]),
        ("'a\\\nb'", [("string", "ab")]),
        ("'a\\\r\nb'", [("string", "ab")]),
        ("'a\\\rb'", [("string", "a\\\rb")]),
        ("'a\\ \nb'", [("string", "a\\ \nb")]),
        ("'a\\\\\nb'", [("string", "a\\b")]),
        ("'a\\\\\n\nb'", [("string", "a\\\nb")]),
        ("'a\\nb'", [("string", "a\\nb")]),
        ("'-- no /* comment GO'", [("string", "-- no /* comment GO")]),
        ("0x", [("binary", "")]),
        ("0XaB1", [("binary", "aB1")]),
        ("0xabc\\\ndef", [("binary", "abcdef")]),
        ("0xabg", [("binary", "ab"), ("word", "g")]),
        ("12 1.5 .5 1e3", [("number", "12"), ("number", "1.5"), ("number", ".5"), ("number", "1e3")]),
        ("[a]]b]", [("name", "a]b")]),
        ('"a""b"', [("name", 'a"b')]),
        ("[it's]", [("name", "it's")]),
        (
            "@x @@y @a$#1 #t ß_1",
            [("variable", "@x"), ("variable", "@@y"), ("variable", "@a$#1"), ("word", "#t"), ("word", "ß_1")],
        ),
        ("a.b;=", [("word", "a"), ("symbol", "."), ("word", "b"), ("symbol", ";"), ("symbol", "=")]),
        ("a -- b\nc", [("word", "a"), ("word", "c")]),
        ("a /* b /* c */ ' */ d", [("word", "a"), ("word", "d")]),
        ("a /* '*/' */'", [("word", "a"), ("string", " */")]),
        ("\t\r\n\u00a0a", [("word", "a")]),
    ],
)
def test_tokens(text: str, tokens: list[tuple[str, str]]) -> None:
    assert kinds(text) == tokens


@pytest.mark.parametrize(
    ("text", "number", "message"),
    [
        ("x 'abc", 105, "Unclosed quotation mark after the character string 'abc'."),
        ("N'it''", 105, "Unclosed quotation mark after the character string 'it'''."),
        ("'a\\'b'", 105, "Unclosed quotation mark after the character string ''."),
        ("[a]]", 105, "Unclosed quotation mark after the character string 'a]]'."),
        ('"a', 105, "Unclosed quotation mark after the character string 'a'."),
        ("/* /* */", 113, "Missing end comment mark '*/'."),
        ("a \\ b", 102, "Incorrect syntax near '\\'."),
        ("a \0", 102, "Incorrect syntax near '\0'."),
        ("[]", 102, "Incorrect syntax near '[]'."),
        ("x" * 129, 103, f"The identifier that starts with '{'x' * 64}' is too long. Maximum length is 128."),
        (
            "[" + "x" * 129 + "]",
            103,
            f"The identifier that starts with '{'x' * 64}' is too long. Maximum length is 128.",
        ),
    ],
)
def test_error_of_a_token(text: str, number: int, message: str) -> None:
    with pytest.raises(SqlServerError) as caught:
        scan(text)
    assert (caught.value.number, caught.value.message) == (number, message)


def test_long_name_and_long_near() -> None:
    assert kinds("x" * 128) == [("word", "x" * 128)]
    assert len(scan("'" + "y" * 1000 + "'")[0].near) == 64
