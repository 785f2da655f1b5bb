"""Parser of expressions."""

import re
from collections.abc import Callable, Container
from decimal import Decimal
from typing import Final

from gateway.emulator.sql.data_types import DataType, make_type
from gateway.emulator.sql.errors import NotInterpreted, sql_error
from gateway.emulator.sql.keywords import RESERVED
from gateway.emulator.sql.syntax import Call, Cast, Constant, Expression, Sum, VariableReference
from gateway.emulator.sql.tokens import TokenReader
from gateway.emulator.sql.values import NULL, Value, binary_constant, string_constant

#: Depth of parentheses and functions that is read.
_DEPTH: Final = 50
_INT: Final = DataType("int")
_CAST_LENGTH: Final = 30
_DECIMAL: Final = re.compile(r"[0-9]{1,38}(?:\.[0-9]{0,38})?|\.[0-9]{1,38}")


class ExpressionParser:
    """Reads expressions whose variables are among `scope` (names in lower case)."""

    def __init__(self, tokens: TokenReader, scope: Container[str]) -> None:
        self._tokens = tokens
        self._scope = scope
        self._depth = 0

    def expression(self) -> Expression:
        """Read operands with `+` between them. Raises SqlServerError."""
        if self._depth >= _DEPTH:
            raise sql_error(191)
        self._depth += 1
        try:
            return self._sum()
        finally:
            self._depth -= 1

    def _sum(self) -> Expression:
        operands = [self._operand()]
        while self._tokens.accept_symbol("+"):
            operands.append(self._operand())
        return operands[0] if len(operands) == 1 else Sum(tuple(operands))

    def constant(self) -> Constant | None:
        """Read a constant, with its sign; None where there is none."""
        tokens = self._tokens
        if (
            tokens.current.kind == "symbol"
            and tokens.current.value in "+-"
            and tokens.lookahead.kind == "number"
        ):
            return Constant(number_constant(tokens.next().value.replace("+", "") + tokens.next().value))
        match tokens.current.kind:
            case "string" | "nstring" as kind:
                return Constant(string_constant(tokens.next().value, is_unicode=kind == "nstring"))
            case "binary":
                return Constant(binary_constant(tokens.next().value))
            case "number":
                return Constant(number_constant(tokens.next().value))
        return Constant(NULL) if tokens.accept_word("null") else None

    def variable(self) -> VariableReference:
        """Read a variable. Raises SqlServerError 137 if it is not declared, 102 if there is none."""
        if self._tokens.current.value.startswith("@@"):
            raise NotInterpreted(self._tokens.current.near)
        name = self._tokens.expect("variable").value
        if name.lower() not in self._scope:
            raise sql_error(137, name)
        return VariableReference(name.lower())

    def data_type(self, default: int) -> DataType:
        """Read a type; `default` is the length where none is written. Raises SqlServerError."""
        tokens = self._tokens
        if tokens.current.keyword in RESERVED - {"national"} or tokens.current.kind not in {"word", "name"}:
            raise tokens.syntax_error()
        name, arguments = tokens.next().value, list[str]()
        if tokens.current.is_symbol("."):
            raise NotInterpreted(name)
        if tokens.accept_symbol("("):
            arguments.append(self._type_argument())
            while tokens.accept_symbol(","):
                arguments.append(self._type_argument())
            tokens.expect_symbol(")")
        return make_type(name, arguments, default)

    def _type_argument(self) -> str:
        if self._tokens.current.keyword == "max":
            return self._tokens.next().value
        if not self._tokens.current.value.isdecimal():
            raise self._tokens.syntax_error()
        return self._tokens.expect("number").value

    def _operand(self) -> Expression:
        tokens = self._tokens
        if (constant := self.constant()) is not None:
            return constant
        if tokens.current.kind == "variable":
            return self.variable()
        if tokens.accept_symbol("("):
            inner = self.expression()
            tokens.expect_symbol(")")
            return inner
        if tokens.current.kind == "word" and tokens.lookahead.is_symbol("("):
            return self._function()
        raise tokens.syntax_error()

    def _function(self) -> Expression:
        token = self._tokens.next()
        if token.keyword not in _FUNCTIONS:
            raise NotInterpreted(token.near)
        self._tokens.expect_symbol("(")
        result = _FUNCTIONS[token.keyword](self)
        self._tokens.expect_symbol(")")
        return result

    def _cast(self) -> Expression:
        operand = self.expression()
        if not self._tokens.accept_word("as"):
            raise self._tokens.syntax_error()
        return Cast(operand, self.data_type(_CAST_LENGTH))

    def _convert(self) -> Expression:
        data_type = self.data_type(_CAST_LENGTH)
        self._tokens.expect_symbol(",")
        operand = self.expression()
        if not self._tokens.accept_symbol(","):
            return Cast(operand, data_type)
        style = self._tokens.expect("number").value
        if style not in {"0", "1", "2"}:
            raise NotInterpreted(style)
        return Cast(operand, data_type, int(style))

    def _nchar(self) -> Expression:
        return Call("nchar", self.expression())

    def _datalength(self) -> Expression:
        return Call("datalength", self.expression())


_FUNCTIONS: Final[dict[str, Callable[[ExpressionParser], Expression]]] = {
    "cast": ExpressionParser._cast,  # noqa: SLF001 - this class's own table
    "convert": ExpressionParser._convert,  # noqa: SLF001
    "nchar": ExpressionParser._nchar,  # noqa: SLF001
    "datalength": ExpressionParser._datalength,  # noqa: SLF001
}


def number_constant(text: str) -> Value:
    """Value of a number: int, or decimal where it has a point or is too large. Raises SqlServerError."""
    unsigned = text.lstrip("-")
    if not _DECIMAL.fullmatch(unsigned):
        raise NotInterpreted(text[:64])
    low, high = _INT.integer_range
    if unsigned.isdecimal() and low <= int(text) <= high:
        return Value(_INT, int(text))
    digits, _, fraction = unsigned.partition(".")
    return Value(
        DataType("decimal", max(len(digits.lstrip("0")) + len(fraction), 1), len(fraction)), Decimal(text)
    )
