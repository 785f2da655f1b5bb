"""Literals of T-SQL in UTF-8, written piece by piece.

A text is one `N'…'` whatever its length; over 4,000 units it is nvarchar(max). What no literal can hold is
concatenated: `CAST(N'…' AS nvarchar(max)) + NCHAR(0) + N'…'`, which only the CAST keeps from being cut.
"""

import re
from binascii import hexlify
from collections.abc import Iterator

from gateway.sql.value import BinaryValue, TextValue

#: Operands of all texts of a command. A server's stack ends at about 3,400 (errors 8631 and 191), or earlier
#: with less memory; and each `+` copies all that stands before it.
MAX_OPERANDS = 500

#: U+0000, a lone surrogate, or a backslash before a line break, which would vanish together.
_SPECIAL = re.compile(r"[\x00\\\ud800-\udfff](?:(?<!\\)|(?=[\r\n]))")
_BACKSLASH = "\\"


def binary_literal(value: BinaryValue) -> Iterator[bytes]:
    """Yield `0x…`. Raises UnsuitableError if the value has no known encoding."""
    yield b"0x"
    for piece in value.pieces():
        yield hexlify(piece)


def text_literal(value: TextValue) -> Iterator[bytes]:
    """Yield a text as one literal, or as a sum of literals and NCHARs that starts with a CAST literal."""
    is_sum = operand_count(value, limit=2) > 1
    start, end = (b"CAST(N'", b"' AS nvarchar(max))") if is_sum else (b"N'", b"'")
    is_open = True
    yield start
    for text, special in _fragments(value):
        if text and not is_open:
            is_open = True
            yield b" + N'"
        yield text.replace("'", "''").encode()
        if special and is_open:
            yield end
            is_open, end = False, b"'"
        if special not in {"", _BACKSLASH}:
            yield b" + NCHAR(%d)" % ord(special)
    if is_open:
        yield end


def operand_count(value: TextValue, limit: int = MAX_OPERANDS + 1) -> int:
    """Count the operands that a text may need, as far as about `limit`."""
    count = 1
    for _, special in _fragments(value):
        count += 0 if not special else 1 if special == _BACKSLASH else 2
        if count >= limit:
            break
    return count


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
