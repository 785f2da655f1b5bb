"""Proof before a text is sent: read back by the lexer, it is the expected batch and nothing else.

Grammar: `DECLARE @x type;` and `SET @x = literal expression;` in any number, then one
`EXECUTE [@ret =] [a].[b] @p = @v [OUTPUT], …;`. No comment, and no other token, may stand anywhere.
"""

import re
from collections.abc import Iterator

from gateway.sql.batch import Argument, Batch, Value, Variable
from gateway.sql.lexer import PIECE, SqlSyntaxError, TokenKind
from gateway.sql.literal_expression import Expression
from gateway.sql.names import LONGEST_NAME, is_name, parse_parameter_name
from gateway.sql.token_reader import TokenReader

_MOST_PARTS = 4
_TEXTS = frozenset({TokenKind.NATIONAL, TokenKind.STRING})
_BINARIES = frozenset({TokenKind.BINARY})
#: Types of variables -> the literals that they take. `char(n)` and `varchar(n)` would count the bytes of an
#: unknown code page.
_LITERALS = {
    "nvarchar": _TEXTS,
    "nchar": _TEXTS,
    "varchar": _TEXTS,
    "xml": _TEXTS,
    "varbinary": _BINARIES,
    "binary": _BINARIES,
}
_TYPE = re.compile(
    r"(?P<name>nvarchar|nchar|varbinary|binary|varchar(?=\(max)|xml(?=$))(?:\((?P<size>max|[1-9][0-9]{0,3})\))?"
)


def is_proved(text: bytes, expected: Batch) -> bool:
    """Return whether a text is exactly this batch: variables and values, procedure, arguments."""
    try:
        return _Proof(text, expected).holds()
    except (SqlSyntaxError, UnicodeError):
        return False


class _Proof:
    def __init__(self, text: bytes, expected: Batch) -> None:
        self._reader = TokenReader(text)
        self._expected = expected
        #: Expected variables without a declaration yet, then those without a value, by name.
        self._undeclared = {variable.name: variable for variable in expected.variables}
        self._unset: dict[str, Variable] = {}

    def holds(self) -> bool:
        if not _are_names_distinct(self._expected):
            return False
        while True:
            if self._reader.skip(b"declare"):
                self._declare()
            elif self._reader.skip(b"set"):
                self._set()
            else:
                return self._is_execute() and not self._undeclared and not self._unset

    def _declare(self) -> None:
        variable = self._undeclared.pop(self._variable(), None)
        if variable is None or self._type() != variable.type:
            raise SqlSyntaxError("another variable, or of another type")
        self._unset[variable.name] = variable
        self._reader.expect(b";")

    def _variable(self) -> str:
        name = self._reader.word(TokenKind.VARIABLE).decode()
        if parse_parameter_name(name) != name:
            raise SqlSyntaxError("not a variable")
        return name

    def _type(self) -> str:
        name = self._reader.word(TokenKind.NAME).decode().lower()
        if not self._reader.skip(b"("):
            return name
        size = "max" if self._reader.skip(b"max") else self._reader.word(TokenKind.NUMBER).decode()
        self._reader.expect(b")")
        return f"{name}({size})"

    def _set(self) -> None:
        variable = self._unset.pop(self._variable(), None)
        if variable is None:
            raise SqlSyntaxError("a variable that is not declared, or set twice")
        self._reader.expect(b"=")
        expression = Expression(self._reader)
        is_binary = expression.kind is TokenKind.BINARY
        actual = _fit(expression, variable.type)
        if not _are_equal(actual, _units(variable.value, is_binary=is_binary)):
            raise SqlSyntaxError("another value")
        self._reader.expect(b";")

    def _is_execute(self) -> bool:
        self._reader.expect(b"execute")
        expected = self._expected
        return (
            self._return_variable() == expected.return_variable
            and self._procedure() == expected.procedure
            and tuple(self._arguments()) == expected.arguments
            and self._reader.is_at_end()
        )

    def _return_variable(self) -> str:
        if self._reader.peek().kind is not TokenKind.VARIABLE:
            return ""
        name = self._variable()
        self._reader.expect(b"=")
        return name

    def _procedure(self) -> tuple[str, ...]:
        parts = [self._part()]
        while self._reader.skip(b"."):
            is_gap = self._reader.lower(self._reader.peek()) == b"."
            parts.append("" if is_gap else self._part())
        if len(parts) > _MOST_PARTS:
            raise SqlSyntaxError("too many parts")
        return tuple(parts)

    def _part(self) -> str:
        token = self._reader.take(TokenKind.BRACKETED)
        if token.end - token.start > LONGEST_NAME * 6 + 2:
            raise SqlSyntaxError("a name is too long")
        part = self._reader.text[token.start + 1 : token.end - 1].decode("utf-8").replace("]]", "]")
        if not is_name(part):
            raise SqlSyntaxError("not a name")
        return part

    def _arguments(self) -> Iterator[Argument]:
        if self._reader.skip(b";"):
            return
        yield self._argument()
        while not self._reader.skip(b";"):
            self._reader.expect(b",")
            yield self._argument()

    def _argument(self) -> Argument:
        name = self._variable()
        self._reader.expect(b"=")
        return Argument(name, self._variable(), self._reader.skip(b"output"))


def _are_names_distinct(batch: Batch) -> bool:
    """Return whether no variable and no argument is there twice: to SQL Server, @a and @A are one."""
    variables = [*(each.name for each in batch.variables), batch.return_variable]
    arguments = [each.name for each in batch.arguments]
    return all(len({name.lower() for name in names}) == len(names) for names in (variables, arguments))


def _fit(expression: Expression, sql_type: str) -> Iterator[bytes]:
    """Yield an expression's value; raise SqlSyntaxError if a variable of this type would hold another one."""
    match = _TYPE.fullmatch(sql_type)
    if match is None or expression.kind not in _LITERALS[match["name"]]:
        raise SqlSyntaxError("a type that takes no such literal")
    size = 0
    for piece in expression.pieces():
        size += len(piece)
        yield piece
    if not _holds(match["name"], match["size"], size):
        raise SqlSyntaxError("a value is cut or padded")


def _holds(name: str, length: str | None, size: int) -> bool:
    """Return whether a type holds a value of `size` bytes as it is. Without a length it holds one unit."""
    if length == "max" or name == "xml":
        return True
    limit = int(length or 1) * (1 if name in {"varbinary", "binary"} else 2)
    return size <= limit if "var" in name else size == limit


def _units(value: Value, *, is_binary: bool) -> Iterator[bytes]:
    """Yield a value in pieces: its bytes, or UTF-16-LE of a text."""
    for piece in value.pieces():
        if isinstance(piece, str) is is_binary:
            raise SqlSyntaxError("a text and a binary value")
        for start in range(0, len(piece), PIECE):
            part = piece[start : start + PIECE]
            yield part.encode("utf-16-le", "surrogatepass") if isinstance(part, str) else bytes(part)


def _are_equal(left: Iterator[bytes], right: Iterator[bytes]) -> bool:
    """Return whether two streams of bytes are the same, however they are cut; `left` is then at its end."""
    one = other = b""
    at = over = 0
    while True:
        if at == len(one):
            one, at = next(filter(None, left), b""), 0
        if over == len(other):
            other, over = next(filter(None, right), b""), 0
        size = min(len(one) - at, len(other) - over)
        if not size:
            return not one and not other
        if one[at : at + size] != other[over : over + size]:
            return False
        at, over = at + size, over + size
