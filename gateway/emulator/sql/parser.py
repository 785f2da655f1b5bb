"""Parser of batches: syntax, and that every variable is declared once and before it is used."""

import itertools
import re
from collections.abc import Callable, Mapping
from typing import Final

from gateway.emulator.sql.data_types import DataType
from gateway.emulator.sql.errors import NotExecuted, NotInterpreted, SqlServerError, sql_error
from gateway.emulator.sql.expressions import ExpressionParser
from gateway.emulator.sql.keywords import RESERVED, STATEMENTS
from gateway.emulator.sql.scanner import Token, scan
from gateway.emulator.sql.syntax import (
    Argument,
    Assign,
    Constant,
    Declare,
    Execute,
    Expression,
    ForeignSelect,
    Select,
    Statement,
    VariableReference,
)
from gateway.emulator.sql.tokens import TokenReader
from gateway.emulator.sql.values import string_constant

_NOT_LOCAL: Final = frozenset({"text", "ntext", "image"})
_NAME_PARTS: Final = 4
#: Four quoted parts of 128 characters, each of them doubled, with dots and blanks.
_NAME_LENGTH: Final = 4 * (2 * 128 + 2) + 100
#: Keywords that end a SELECT: a subquery or a hint may be inside of it.
_AFTER_SELECT: Final = STATEMENTS - {"select", "with"}
#: What may follow the arguments of EXECUTE.
_OPTIONS: Final = frozenset({"with", "at", "as"})
_COMMENT: Final = re.compile(r"--|/\*")
_QUOTED: Final = re.compile(r'\[[^\]]*\]|"[^"]*"')
_GROUP_NUMBER: Final = re.compile(r"[0-9]+")


def parse_batch(text: str, parameters: Mapping[str, DataType]) -> list[Statement]:
    """Read a batch, given as UTF-16 units; the keys of `parameters` are its first variables, in lower case.

    Raises SqlServerError, and NotExecuted if it has a SELECT that is not executed, and no EXECUTE.
    """
    parser = _Parser(scan(text), parameters)
    statements = parser.statements()
    if not any(isinstance(statement, ForeignSelect) for statement in statements):
        return statements
    if any(isinstance(statement, Execute) for statement in statements):
        raise NotInterpreted("SELECT")
    raise NotExecuted


def parse_procedure_name(text: str) -> tuple[str, ...] | None:
    """Read the name of a procedure that is the whole text, without comments; None if it is none."""
    if len(text) > _NAME_LENGTH or _COMMENT.search(_QUOTED.sub("", text)):
        return None
    try:
        return _Parser(scan(text), {}).whole_name()
    except SqlServerError:
        return None


class _Parser:
    def __init__(self, tokens: list[Token], parameters: Mapping[str, DataType]) -> None:
        self._tokens = TokenReader(tokens)
        self._scope = dict(parameters)
        self._expressions = ExpressionParser(self._tokens, self._scope)

    def statements(self) -> list[Statement]:
        """Read all statements."""
        found: list[Statement] = []
        while self._tokens.current.kind != "end":
            if not self._tokens.accept_symbol(";"):
                found.append(self._statement(is_first=not found))
        return found

    def whole_name(self) -> tuple[str, ...]:
        """Read a procedure's name and the end."""
        parts = self._procedure_name()
        self._tokens.expect("end")
        return parts

    def _statement(self, *, is_first: bool) -> Statement:
        token = self._tokens.current
        if token.keyword in _STATEMENTS:
            self._tokens.next()
            return _STATEMENTS[token.keyword](self)
        if token.keyword in STATEMENTS:
            raise NotInterpreted(token.near)
        if is_first and token.keyword not in RESERVED and token.kind in {"word", "name"}:
            return self._run("")
        raise self._tokens.syntax_error()

    def _declare(self) -> Statement:
        variables = [self._variable_declaration()]
        while self._tokens.accept_symbol(","):
            variables.append(self._variable_declaration())
        for name, data_type, _ in variables:
            if name.lower() in self._scope:
                raise sql_error(134, name)
            self._scope[name.lower()] = data_type
        return Declare(tuple((name.lower(), data_type, value) for name, data_type, value in variables))

    def _variable_declaration(self) -> tuple[str, DataType, Expression | None]:
        name = self._tokens.expect("variable").value
        self._tokens.accept_word("as")
        if self._tokens.current.keyword in {"table", "cursor"}:
            raise NotInterpreted(self._tokens.current.near)
        data_type = self._expressions.data_type(default=1)
        if data_type.name in _NOT_LOCAL:
            raise sql_error(2739)
        return name, data_type, self._expressions.expression() if self._tokens.accept_symbol("=") else None

    def _set(self) -> Statement:
        if self._tokens.current.kind == "word":
            raise NotInterpreted(self._tokens.current.near)
        variable = self._expressions.variable()
        if self._tokens.current.kind == "symbol" and self._tokens.lookahead.is_symbol("="):
            raise NotInterpreted(f"{self._tokens.current.near}=")
        self._tokens.expect_symbol("=")
        return Assign(variable.name, self._expressions.expression())

    def _execute(self) -> Statement:
        if self._tokens.current.is_symbol("("):
            raise NotInterpreted("(")
        if self._tokens.current.kind != "variable":
            return self._run("")
        variable = self._expressions.variable()
        if not self._tokens.accept_symbol("="):
            raise NotInterpreted(variable.name)
        return self._run(variable.name)

    def _run(self, return_variable: str) -> Statement:
        parts = self._procedure_name()
        if self._tokens.current.is_symbol(";") and _GROUP_NUMBER.fullmatch(self._tokens.lookahead.value):
            raise NotInterpreted(";")
        return Execute(parts, self._arguments(), return_variable)

    def _procedure_name(self) -> tuple[str, ...]:
        parts = [self._name_part()]
        while self._tokens.accept_symbol("."):
            is_gap = self._tokens.current.is_symbol(".")
            parts.append("" if is_gap else self._name_part())
        if len(parts) > _NAME_PARTS:
            raise sql_error(102, ".")
        return tuple(parts)

    def _name_part(self) -> str:
        token = self._tokens.current
        if token.kind not in {"word", "name"} or token.keyword in RESERVED:
            raise self._tokens.syntax_error()
        return self._tokens.next().value

    def _arguments(self) -> tuple[Argument, ...]:
        if self._ends_statement() and self._tokens.current.keyword != "with":
            return ()
        arguments = [] if self._tokens.current.keyword in _OPTIONS else [self._argument()]
        while self._tokens.accept_symbol(","):
            arguments.append(self._argument())
        for number, (before, argument) in enumerate(itertools.pairwise(arguments), start=2):
            if before.name and not argument.name:
                raise sql_error(119, number)
        if self._tokens.current.keyword in _OPTIONS:
            raise NotInterpreted(self._tokens.current.near)
        return tuple(arguments)

    def _argument(self) -> Argument:
        name = ""
        if self._tokens.current.kind == "variable" and self._tokens.lookahead.is_symbol("="):
            name = self._tokens.next().value
            self._tokens.next()
        value = self._argument_value()
        if not self._tokens.accept_word("output", "out"):
            return Argument(name, value)
        if not isinstance(value, VariableReference):
            raise sql_error(179)
        return Argument(name, value, is_output=True)

    def _argument_value(self) -> Constant | VariableReference | None:
        if self._tokens.current.kind == "variable":
            return self._expressions.variable()
        if (constant := self._expressions.constant()) is not None:
            return constant
        if self._tokens.accept_word("default"):
            return None
        return Constant(string_constant(self._name_part(), is_unicode=True))

    def _select(self) -> Statement:
        start = self._tokens.position
        try:
            columns = [self._column()]
            while self._tokens.accept_symbol(","):
                columns.append(self._column())
        except SqlServerError as error:
            if error.number not in {102, 156}:
                raise
        else:
            if self._ends_statement():
                return Select(tuple(columns))
        self._tokens.position = start
        return self._foreign_select()

    def _column(self) -> tuple[str, Expression]:
        expression = self._expressions.expression()
        has_as = self._tokens.accept_word("as")
        token = self._tokens.current
        if token.kind in {"word", "name"} and token.keyword not in RESERVED:
            return self._tokens.next().value, expression
        if has_as:
            raise self._tokens.syntax_error()
        return "", expression

    def _foreign_select(self) -> Statement:
        """Skip the rest of the SELECT; its variables must be declared."""
        while self._is_inside_select():
            if self._tokens.current.kind == "variable" and not self._tokens.current.value.startswith("@@"):
                self._expressions.variable()
            else:
                self._tokens.next()
        return ForeignSelect()

    def _is_inside_select(self) -> bool:
        token = self._tokens.current
        is_next = token.keyword in _AFTER_SELECT
        return not (token.kind == "end" or token.is_symbol(";") or is_next)

    def _ends_statement(self) -> bool:
        token = self._tokens.current
        return token.kind == "end" or token.is_symbol(";") or token.keyword in STATEMENTS


_STATEMENTS: Final[dict[str, Callable[[_Parser], Statement]]] = {
    "declare": _Parser._declare,  # noqa: SLF001 - this module's own table
    "set": _Parser._set,  # noqa: SLF001
    "exec": _Parser._execute,  # noqa: SLF001
    "execute": _Parser._execute,  # noqa: SLF001
    "select": _Parser._select,  # noqa: SLF001
    "with": _Parser._foreign_select,  # noqa: SLF001
}
