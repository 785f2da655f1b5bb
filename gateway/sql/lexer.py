"""Tokens of T-SQL in UTF-8. It copies no token, and no call looks at more than 64 KiB.

Stricter than SQL Server: what its documentation leaves open (currency signs, ODBC escapes, control
characters, names outside ASCII without quotes) is a SqlSyntaxError.
"""

import re
from collections.abc import Iterator
from enum import StrEnum
from typing import NamedTuple

#: Bytes that one call to C looks at.
PIECE = 65_536
_LONGEST_WORD = 512


class SqlSyntaxError(Exception):
    """The text is not T-SQL, or it is not certain how SQL Server reads it. Never holds the text."""


class TokenKind(StrEnum):
    """What a token is."""

    SPACE = "space"
    COMMENT = "comment"
    NAME = "name"
    BRACKETED = "bracketed name"
    QUOTED = "quoted name"
    VARIABLE = "variable"
    NATIONAL = "national string"
    STRING = "string"
    BINARY = "binary"
    NUMBER = "number"
    SYMBOL = "symbol"


class Token(NamedTuple):
    """`text[start:end]` is the token, its quotes or `0x` included."""

    kind: TokenKind
    start: int
    end: int


#: First bytes of a token; the first that matches counts. A number may end in `e` alone (`1e`).
_START = re.compile(
    rb"(?P<SPACE>[ \t\r\n]{1,65536})|(?P<COMMENT>--|/\*)|(?P<NATIONAL>[Nn]')|(?P<STRING>')|(?P<BINARY>0[xX])"
    rb"|(?P<VARIABLE>@[A-Za-z0-9_@#$]{1,513})|(?P<NAME>[A-Za-z_#][A-Za-z0-9_@#$]{0,513})"
    rb"|(?P<NUMBER>(?:[0-9]{1,256}(?:\.[0-9]{0,256})?|\.[0-9]{1,256})(?:[eE][+-]?[0-9]{0,8})?)"
    rb"|(?P<BRACKETED>\[)|(?P<QUOTED>\")|(?P<SYMBOL>[(),.;=+\-*/%&|^~<>!:])"
)
_KINDS = dict(TokenKind.__members__)
#: As far as a literal or a quoted name goes on; the closing quote is doubled where it is part of the value.
_BODIES = {
    TokenKind.NATIONAL: re.compile(rb"[^']*+(?:''[^']*+)*+"),
    TokenKind.STRING: re.compile(rb"[^']*+(?:''[^']*+)*+"),
    TokenKind.BRACKETED: re.compile(rb"[^\]]*+(?:\]\][^\]]*+)*+"),
    TokenKind.QUOTED: re.compile(rb'[^"]*+(?:""[^"]*+)*+'),
}
_CLOSING = {
    TokenKind.NATIONAL: b"'",
    TokenKind.STRING: b"'",
    TokenKind.BRACKETED: b"]",
    TokenKind.QUOTED: b'"',
}
_HEX = re.compile(rb"[0-9A-Fa-f]*+")
#: A line comment without what may or may not end the line: control characters, U+0085, U+2028, U+2029.
_LINE_COMMENT = re.compile(
    rb"(?:[^\x00-\x08\x0a-\x1f\x7f\xc2\xe2]|\xc2(?!\x85)|\xe2(?!\x80[\xa8\xa9])){0,65536}+(?=\r\n|\n|\Z)"
)
_COMMENT_MARK = re.compile(rb"/\*|\*/")


def tokens(text: bytes) -> Iterator[Token]:
    """Yield all tokens, spaces and comments included, without a gap; raise SqlSyntaxError."""
    position = 0
    while position < len(text):
        token = _token_at(text, position)
        yield token
        position = token.end


def _token_at(text: bytes, start: int) -> Token:
    match = _START.match(text, start)
    if match is None or match.lastgroup is None:
        raise SqlSyntaxError(f"unexpected byte at {start}")
    kind = _KINDS[match.lastgroup]
    return Token(kind, start, _end_of(kind, text, start, match.end()))


def _end_of(kind: TokenKind, text: bytes, start: int, position: int) -> int:
    """Return where a token ends whose first bytes end at `position`."""
    if kind in _CLOSING:
        return _end_of_quotes(kind, text, position)
    if kind is TokenKind.BINARY:
        return _last_match(_HEX, text, position)
    if kind is TokenKind.COMMENT:
        return _end_of_comment(text, start, position)
    if position - start > _LONGEST_WORD and kind is not TokenKind.SPACE:
        raise SqlSyntaxError(f"word too long at {start}")
    return position


def _last_match(pattern: re.Pattern[bytes], text: bytes, position: int) -> int:
    """Return how far a pattern of any number of bytes matches, looking at one piece after another."""
    while position < len(text):
        limit = min(position + PIECE, len(text))
        match = pattern.match(text, position, limit)
        position = match.end() if match else position
        if position < limit:
            break
    return position


def _end_of_quotes(kind: TokenKind, text: bytes, position: int) -> int:
    pattern, closing = _BODIES[kind], _CLOSING[kind]
    while position < len(text):
        position = _last_match(pattern, text, position)
        pair = text[position : position + 2]
        if pair != closing * 2:  # a doubled quote here lies across the ends of two pieces
            break
        position += 2
    if text[position : position + 1] != closing:
        raise SqlSyntaxError("a literal or name does not end")
    return position + 1


def _end_of_comment(text: bytes, start: int, position: int) -> int:
    if text[start:position] == b"--":
        match = _LINE_COMMENT.match(text, position)
        if match is None:
            raise SqlSyntaxError(f"unclear end of the comment at {start}")
        return match.end()
    depth = 1
    while depth:
        mark = _next_mark(text, position)
        depth += 1 if text[mark : mark + 1] == b"/" else -1
        position = mark + 2
    return position


def _next_mark(text: bytes, position: int) -> int:
    """Return where the next start or end of a nested comment is."""
    while position < len(text):
        if match := _COMMENT_MARK.search(text, position, position + PIECE):
            return match.start()
        position += PIECE - 1  # a mark may lie across the ends of two pieces
    raise SqlSyntaxError("a comment does not end")
