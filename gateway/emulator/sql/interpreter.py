"""Runs the statements of a batch."""

from typing import Any

from gateway.emulator.sql.calls import Database, PassedArgument, call_procedure
from gateway.emulator.sql.conversions import STORED_BYTES, convert
from gateway.emulator.sql.data_types import DataType
from gateway.emulator.sql.errors import NotInterpreted, SqlServerError
from gateway.emulator.sql.execution_log import wire_value
from gateway.emulator.sql.syntax import (
    Argument,
    Assign,
    Call,
    Cast,
    Constant,
    Declare,
    Execute,
    Expression,
    ForeignSelect,
    Select,
    Statement,
    Sum,
    VariableReference,
)
from gateway.emulator.sql.values import Value, concatenate

_INT = DataType("int")
_UNITS = 0x10000


class Interpreter:
    """Variables of a batch (by name in lower case), its rows, and how many procedures it ran."""

    def __init__(self, variables: dict[str, Value], database: Database) -> None:
        self.variables = variables
        self.rows: list[dict[str, Any]] = []
        self.runs = 0
        self._database = database

    def run(self, statements: list[Statement]) -> None:
        """Run all statements. An error of an EXECUTE is raised after the statements that follow it."""
        errors: list[SqlServerError] = []
        try:
            for statement in statements:
                self._run_statement(statement, errors)
        except SqlServerError as error:
            errors.append(error)
        if errors:
            raise errors[0]

    def _run_statement(self, statement: Statement, errors: list[SqlServerError]) -> None:
        match statement:
            case Declare(variables=declared):
                for name, data_type, initial in declared:
                    self.variables[name] = Value(data_type, None)
                    if initial is not None:
                        self._assign(name, self._evaluate(initial))
            case Assign(variable=variable, expression=expression):
                self._assign(variable, self._evaluate(expression))
            case Execute():
                try:
                    self._execute(statement)
                except SqlServerError as error:
                    errors.append(error)
            case Select(columns=columns):
                self.rows.append(self._row(columns))
            case ForeignSelect():
                pass

    def _assign(self, name: str, value: Value) -> None:
        self.variables[name] = convert(value, self.variables[name].type)

    def _execute(self, statement: Execute) -> None:
        passed = [self._pass(argument) for argument in statement.arguments]
        returns, outputs = call_procedure(statement.procedure, passed, self._database)
        self.runs += 1
        for argument, output in zip(statement.arguments, outputs, strict=True):
            if output is not None and isinstance(argument.value, VariableReference):
                self._assign(argument.value.name, output)
        if statement.return_variable:
            self._assign(statement.return_variable, Value(_INT, returns))

    def _pass(self, argument: Argument) -> PassedArgument:
        value = None if argument.value is None else self._evaluate(argument.value)
        return PassedArgument(argument.name, value, argument.is_output)

    def _row(self, columns: tuple[tuple[str, Expression], ...]) -> dict[str, Any]:
        return {
            name or f"Column{number}": json_value(self._evaluate(expression))
            for number, (name, expression) in enumerate(columns, start=1)
        }

    def _evaluate(self, expression: Expression) -> Value:
        match expression:
            case Constant(value=value):
                return value
            case VariableReference(name=name):
                return self.variables[name]
            case Sum(operands=operands):
                return concatenate([self._evaluate(operand) for operand in operands])
            case Cast(operand=operand, type=data_type, style=style):
                return convert(self._evaluate(operand), data_type, style, is_explicit=True)
            case Call(function="nchar", argument=argument):
                return character(self._evaluate(argument))
            case Call(argument=argument):
                return data_length(self._evaluate(argument))


def character(code: Value) -> Value:
    """Return the UTF-16 unit of a code, as nchar(1): NULL outside of 0 to 65535."""
    number = convert(code, _INT).data
    is_unit = isinstance(number, int) and 0 <= number < _UNITS
    return Value(DataType("nchar", 1), chr(number) if isinstance(number, int) and is_unit else None)


def data_length(value: Value) -> Value:
    """Return the bytes of a text, binary or integer. Raises SqlServerError for any other."""
    match value.data:
        case None:
            return Value(_INT, None)
        case bytes(data):
            return Value(_INT, len(data))
        case str(text) if value.type.family == "text":
            return Value(_INT, len(text) * (2 if value.type.is_unicode else 1))
        case int() if value.type.family == "integer":
            return Value(_INT, STORED_BYTES[value.type.name])
    raise NotInterpreted("DATALENGTH")


def json_value(value: Value) -> Any:
    """Write a column's value for JSON: numbers and booleans as such, binary in base64."""
    if isinstance(value.data, int):
        return bool(value.data) if value.type.name == "bit" else value.data
    return value.data if isinstance(value.data, float) else wire_value(value)
