"""Call of a stored procedure: binding of arguments, and the run."""

from dataclasses import dataclass
from typing import Final, NamedTuple

from gateway.emulator.sql.conversions import convert
from gateway.emulator.sql.data_types import DataType
from gateway.emulator.sql.errors import SqlServerError, sql_error
from gateway.emulator.sql.execution_log import ExecutionLog
from gateway.emulator.sql.procedures import Procedure, ProcedureParameter, Procedures
from gateway.emulator.sql.values import Value

#: Errors of a value that are reported as 8114 where the value is an argument.
_VALUE_ERRORS: Final = frozenset({241, 245, 8115, 8169})


@dataclass(frozen=True, slots=True)
class PassedArgument:
    """An argument: `name` as written, empty where it is given by position; the value None is DEFAULT."""

    name: str
    value: Value | None
    is_output: bool = False


class Outcome(NamedTuple):
    """Return code, and for each argument the value that it gets back; None unless it is passed as OUTPUT."""

    returns: int
    outputs: tuple[Value | None, ...]


class Database(NamedTuple):
    """The procedures of a practice and the log of their runs."""

    procedures: Procedures
    log: ExecutionLog


def call_procedure(parts: tuple[str, ...], arguments: list[PassedArgument], database: Database) -> Outcome:
    """Run a procedure once and record it. Raises SqlServerError before it runs."""
    procedure = database.procedures.find(parts)
    if procedure is None:
        raise sql_error(2812, ".".join(parts))
    bound = _bind(procedure, arguments)
    values = _values(procedure, bound)
    number = database.log.record(".".join(procedure.parts), parts, values)
    given_back = {id(argument): _output(values[name], number) for name, argument in bound.items()}
    outputs = [given_back[id(argument)] if argument.is_output else None for argument in arguments]
    return Outcome(procedure.returns, tuple(outputs))


def _bind(procedure: Procedure, arguments: list[PassedArgument]) -> dict[str, PassedArgument]:
    """Return the arguments by their parameter's name, as the procedure declares it."""
    if len(arguments) > len(procedure.parameters):
        raise sql_error(8144, procedure.parts[-1])
    bound: dict[str, PassedArgument] = {}
    for position, argument in enumerate(arguments):
        parameter = _parameter(procedure, argument.name, position)
        if parameter.name in bound:
            raise sql_error(8143, argument.name or parameter.name)
        if argument.is_output and not parameter.output:
            raise sql_error(8162, parameter.name)
        bound[parameter.name] = argument
    return bound


def _parameter(procedure: Procedure, name: str, position: int) -> ProcedureParameter:
    if not name:
        return procedure.parameters[position]
    for parameter in procedure.parameters:
        if parameter.name.lower() == name.lower():
            return parameter
    raise sql_error(8145, name, procedure.parts[-1])


def _values(procedure: Procedure, bound: dict[str, PassedArgument]) -> dict[str, Value]:
    """Return the value of every parameter, converted to its type."""
    values: dict[str, Value] = {}
    for parameter in procedure.parameters:
        argument = bound.get(parameter.name)
        if argument is not None and argument.value is not None:
            values[parameter.name] = _argument_value(argument.value, parameter.data_type)
        elif parameter.optional:
            values[parameter.name] = Value(parameter.data_type, None)
        else:
            raise sql_error(201, procedure.parts[-1], parameter.name)
    return values


def _argument_value(value: Value, target: DataType) -> Value:
    try:
        return convert(value, target)
    except SqlServerError as error:
        if error.number in _VALUE_ERRORS:
            raise sql_error(8114, value.type, target) from None
        raise


def _output(value: Value, number: int) -> Value:
    """Return the number of the run for an integer, the passed value for any other type."""
    if value.type.family != "integer":
        return value
    return Value(value.type, min(number, value.type.integer_range[1]))
