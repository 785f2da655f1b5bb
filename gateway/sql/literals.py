"""Literals of T-SQL in UTF-8, written piece by piece.

A text is one `N'…'` whatever its length; over 4,000 units it is nvarchar(max). What no literal can hold is
joined: `CAST(N'…' AS nvarchar(max)) + NCHAR(0) + N'…'`, which only the CAST keeps from being cut.
"""

import re
from binascii import hexlify
from collections.abc import Callable, Iterator
from itertools import islice

from gateway.sql.value import BinaryValue, TextValue

#: Places at which one text may be joined, each of which makes up to two operands. Far below the depths that
#: are known to fail (errors 191, 8631, 8632); and each `+` copies all that stands before it.
MAX_JOINS = 500

Write = Callable[[bytes], object]

#: U+0000, a lone surrogate, or a backslash before a line break, which would vanish together.
_SPECIAL = re.compile(r"[\x00\\\ud800-\udfff](?:(?<!\\)|(?=[\r\n]))")
_BACKSLASH = "\\"


def write_binary(value: BinaryValue, write: Write) -> None:
    """Write `0x…`. Raises UnsuitableError if the value has no known encoding."""
    write(b"0x")
    for piece in value.pieces():
        write(hexlify(piece))


def has_many_joins(value: TextValue) -> bool:
    """Whether the expression of a text would be longer than a server is sure to take."""
    return sum(1 for _ in islice(_joins(value), MAX_JOINS + 1)) > MAX_JOINS


def write_text(value: TextValue, write: Write) -> None:
    """Write a text as one literal, or as a sum of literals and NCHARs that starts with a CAST literal."""
    is_joined = next(_joins(value), "") != ""
    start, end = (b"CAST(N'", b"' AS nvarchar(max))") if is_joined else (b"N'", b"'")
    write(start)
    is_open = True
    for text, special in _fragments(value):
        if text and not is_open:
            write(b" + N'")
            is_open = True
        write(text.replace("'", "''").encode())
        if special and is_open:
            write(end)
            is_open, end = False, b"'"
        if special not in {"", _BACKSLASH}:
            write(b" + NCHAR(%d)" % ord(special))
    if is_open:
        write(end)


def _joins(value: TextValue) -> Iterator[str]:
    return (special for _, special in _fragments(value) if special)


def _fragments(value: TextValue) -> Iterator[tuple[str, str]]:
    """Yield a text and what follows it: nothing, a character for NCHAR, or a backslash that ends the text."""
    kept = ""
    for piece in value.pieces():
        text = kept + piece
        kept = _BACKSLASH if text.endswith(_BACKSLASH) else ""  # a line break may follow in the next piece
        yield from _split(text[: len(text) - len(kept)])
    yield kept, ""


def _split(text: str) -> Iterator[tuple[str, str]]:
    position = 0
    for match in _SPECIAL.finditer(text):
        special = match[0]
        yield text[position : match.end() if special == _BACKSLASH else match.start()], special
        position = match.end()
    yield text[position:], ""
