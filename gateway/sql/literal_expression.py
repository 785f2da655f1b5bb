"""Value of a literal expression of T-SQL, as SQL Server evaluates it, in small pieces.

`N'…'`, ASCII `'…'` and `0x…`, alone or joined by `+`; `CAST(… AS nvarchar(max))` (or varchar, varbinary) and
`NCHAR(n)` as operands. Texts are UTF-16-LE here, so that a surrogate is compared as SQL Server stores it.
"""

import re
from binascii import Error as HexError
from binascii import unhexlify
from collections.abc import Iterator

from gateway.sql.lexer import PIECE, SqlSyntaxError, Token, TokenKind
from gateway.sql.token_reader import TokenReader

#: Kind of literal -> bytes (of UTF-16 for texts) above which it, or a joined value, must be of a (max) type.
_LIMITS = {TokenKind.NATIONAL: 8_000, TokenKind.STRING: 16_000, TokenKind.BINARY: 8_000}
_MAX_TYPES = {
    TokenKind.NATIONAL: b"nvarchar",
    TokenKind.STRING: b"varchar",
    TokenKind.BINARY: b"varbinary",
}
#: What SQL Server makes of it is not documented: a backslash before a CR alone, and U+0000.
_UNCLEAR = re.compile(rb"\\\r(?!\n)|\x00")
_LAST_UNIT = 0xFFFF
#: Operands of one value. SQL Server's stack ends not far above ("nested too deeply").
MOST_OPERANDS = 10_000


class Expression:
    """A literal expression at a reader's position. `kind` is that of its first operand."""

    def __init__(self, reader: TokenReader) -> None:
        self._reader = reader
        self.kind = self._kind_of_next()

    def _kind_of_next(self) -> TokenKind:
        token = self._reader.peek()
        word = self._reader.lower(token)
        if word == b"nchar":
            return TokenKind.NATIONAL
        kind = self._reader.peek(2).kind if word == b"cast" else token.kind
        if kind not in _LIMITS:
            raise SqlSyntaxError("not a literal expression")
        return kind

    def pieces(self) -> Iterator[bytes]:
        """Yield the value and pass all its tokens; raise SqlSyntaxError where SQL Server would cut it."""
        total, is_max = 0, False
        for _ in range(MOST_OPERANDS):
            size = 0
            operand_is_max = self._reader.lower(self._reader.peek()) == b"cast"
            for piece in self._operand():
                size += len(piece)
                yield piece
            operand_is_max |= size > _LIMITS[self.kind]
            total += size
            is_max |= operand_is_max
            if not is_max and total > _LIMITS[self.kind]:
                raise SqlSyntaxError("a joined value is cut")
            if not self._reader.skip(b"+"):
                return
        raise SqlSyntaxError("too many operands")

    def _operand(self) -> Iterator[bytes]:
        if self._kind_of_next() is not self.kind:
            raise SqlSyntaxError("operands of two kinds")
        if self._reader.peek().kind is self.kind:
            yield from _literal(self._reader.text, self._reader.take(self.kind))
        elif self._reader.skip(b"nchar"):
            yield self._unit()
        else:
            yield from self._cast()

    def _unit(self) -> bytes:
        self._reader.expect(b"(")
        digits = self._reader.word(TokenKind.NUMBER)
        self._reader.expect(b")")
        if not re.fullmatch(rb"0|[1-9][0-9]{0,4}", digits) or int(digits) > _LAST_UNIT:
            raise SqlSyntaxError("not a UTF-16 unit")
        return int(digits).to_bytes(2, "little")

    def _cast(self) -> Iterator[bytes]:
        for word in (b"cast", b"("):
            self._reader.expect(word)
        yield from _literal(self._reader.text, self._reader.take(self.kind))
        for word in (b"as", _MAX_TYPES[self.kind], b"(", b"max", b")", b")"):
            self._reader.expect(word)


def _literal(text: bytes, token: Token) -> Iterator[bytes]:
    if token.kind is TokenKind.BINARY:
        return _binary(text, token)
    return _string(text, token)


def _binary(text: bytes, token: Token) -> Iterator[bytes]:
    for start in range(token.start + 2, token.end, PIECE):
        try:
            yield unhexlify(text[start : min(start + PIECE, token.end)])
        except HexError as error:
            raise SqlSyntaxError("odd number of digits") from error


def _string(text: bytes, token: Token) -> Iterator[bytes]:
    position = token.start + (2 if token.kind is TokenKind.NATIONAL else 1)
    end = token.end - 1
    while position < end:
        limit = _cut(text, position, end)
        piece = text[position:limit]
        if _UNCLEAR.search(piece) or (token.kind is TokenKind.STRING and not piece.isascii()):
            raise SqlSyntaxError("a literal whose value is unclear")
        yield _evaluate(piece).decode("utf-8").encode("utf-16-le")
        position = limit


def _evaluate(piece: bytes) -> bytes:
    """Return what a piece means: one quote of two, and without a backslash and the line break behind it."""
    return piece.replace(b"''", b"'").replace(b"\\\r\n", b"\\\n").replace(b"\\\n", b"")


def _cut(text: bytes, start: int, end: int) -> int:
    """Return the end of a piece that cuts no character, no doubled quote and no continuation in two."""
    limit = start + PIECE
    if limit >= end:
        return end
    for _ in range(3):
        limit -= (text[limit] & 0xC0) == 0x80  # noqa: PLR2004 - a byte within a UTF-8 character
    for mark in (b"\\", b"\\\r"):
        limit -= len(mark) if text.endswith(mark, start, limit) else 0
    quotes = limit - start - len(text[start:limit].rstrip(b"'"))
    return limit - quotes % 2
