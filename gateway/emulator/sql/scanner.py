"""Tokens of a T-SQL batch, in a time that is linear in its length."""

import re
from collections.abc import Callable
from typing import Final, Literal, NamedTuple

from gateway.emulator.sql.errors import sql_error
from gateway.emulator.sql.utf16 import join_surrogates

Kind = Literal["word", "name", "variable", "string", "nstring", "binary", "number", "symbol", "end"]


class Token(NamedTuple):
    """A token; `value` is a string's or a name's content without quotes, the digits of a binary constant."""

    kind: Kind
    value: str
    near: str

    def is_symbol(self, symbol: str) -> bool:
        """Whether it is this symbol."""
        return self.kind == "symbol" and self.value == symbol

    @property
    def keyword(self) -> str:
        """A word in lower case; empty for any other token."""
        return self.value.lower() if self.kind == "word" else ""


_BLANK: Final = re.compile(r"[ \t\r\n\f\v\u00a0]+")
_LINE_COMMENT: Final = re.compile(r"--[^\n]*")
_COMMENT_MARK: Final = re.compile(r"/\*|\*/")
_WORD: Final = re.compile(r"[^\W\d][\w@$#]*|#[\w@$#]*")
_VARIABLE: Final = re.compile(r"@[\w@$#]*")
_BINARY: Final = re.compile(r"0[xX](?:[0-9A-Fa-f]+|\\\r?\n)*+")
_NUMBER: Final = re.compile(r"(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]*)?")
_CONTINUATION: Final = re.compile(r"\\\r?\n")
#: SQL Server's limits: characters of a name, and characters of a text that an error repeats.
_NAME_LIMIT: Final = 128
_NEAR_LIMIT: Final = 64
#: Tokens of a batch that the emulator reads; they take some 100 MB.
_TOKEN_LIMIT: Final = 500_000
_SYMBOLS: Final = "=,;.()+-*/<>!%&|^~{}:?$"


def scan(text: str) -> list[Token]:
    """Read a batch given as UTF-16 units. Raises SqlServerError 102, 103, 105 or 113."""
    tokens: list[Token] = []
    position = 0
    while (position := _skip_blanks(text, position)) < len(text):
        token, position = _scan_token(text, position)
        tokens.append(token)
        if len(tokens) > _TOKEN_LIMIT:
            raise sql_error(191)
    tokens.append(Token("end", "", tokens[-1].near if tokens else ""))
    return tokens


def _skip_blanks(text: str, position: int) -> int:
    while True:
        if match := _BLANK.match(text, position) or _LINE_COMMENT.match(text, position):
            position = match.end()
        elif text.startswith("/*", position):
            position = _comment_end(text, position)
        else:
            return position


def _comment_end(text: str, position: int) -> int:
    depth = 0
    for mark in _COMMENT_MARK.finditer(text, position):
        depth += 1 if mark[0] == "/*" else -1
        if depth == 0:
            return mark.end()
    raise sql_error(113)


def _scan_token(text: str, position: int) -> tuple[Token, int]:
    first = text[position]
    if first == "N" and text.startswith("'", position + 1):
        return _string(text, position + 1, "nstring")
    if first == "'":
        return _string(text, position, "string")
    if first in '["':
        return _quoted_name(text, position)
    for pattern, read in _PATTERNS:
        if match := pattern.match(text, position):
            return read(match), match.end()
    if first in _SYMBOLS:
        return Token("symbol", first, first), position + 1
    raise sql_error(102, join_surrogates(first))


def _string(text: str, quote: int, kind: Literal["string", "nstring"]) -> tuple[Token, int]:
    end = _closing_quote(text, quote, "'")
    value = _without_continuations(text[quote + 1 : end].replace("''", "'"))
    return Token(kind, value, _near(value)), end + 1


def _quoted_name(text: str, quote: int) -> tuple[Token, int]:
    closing = "]" if text[quote] == "[" else '"'
    end = _closing_quote(text, quote, closing)
    name = text[quote + 1 : end].replace(closing * 2, closing)
    if not name:
        raise sql_error(102, text[quote : end + 1])
    return Token("name", _check_name(name), _near(name)), end + 1


def _closing_quote(text: str, start: int, quote: str) -> int:
    """Position of the quote that is not doubled."""
    end = text.find(quote, start + 1)
    while end >= 0 and text.startswith(quote, end + 1):
        end = text.find(quote, end + 2)
    if end < 0:
        raise sql_error(105, _near(text[start + 1 : start + 1 + _NEAR_LIMIT]))
    return end


def _without_continuations(value: str) -> str:
    """Drop each backslash with the line break that follows it."""
    return _CONTINUATION.sub("", value) if "\\" in value else value


def _check_name(name: str) -> str:
    if len(name) > _NAME_LIMIT:
        raise sql_error(103, _near(name))
    return name


def _near(value: str) -> str:
    return join_surrogates(value[:_NEAR_LIMIT])


def _name_reader(kind: Literal["word", "variable"]) -> Callable[[re.Match[str]], Token]:
    return lambda match: Token(kind, _check_name(match[0]), _near(match[0]))


def _binary(match: re.Match[str]) -> Token:
    return Token("binary", _without_continuations(match[0][2:]), _near(match[0][:_NEAR_LIMIT]))


def _number(match: re.Match[str]) -> Token:
    return Token("number", match[0], _near(match[0]))


_PATTERNS: Final[tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], Token]], ...]] = (
    (_VARIABLE, _name_reader("variable")),
    (_WORD, _name_reader("word")),
    (_BINARY, _binary),
    (_NUMBER, _number),
)
