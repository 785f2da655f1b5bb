"""Executes a command of SQL Passthrough: a stored procedure, or a batch of T-SQL."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from gateway.emulator.sql.calls import Database, PassedArgument, call_procedure
from gateway.emulator.sql.data_types import DataType
from gateway.emulator.sql.errors import (
    NotExecuted,
    NotInterpreted,
    ParameterConversionError,
    SqlServerError,
    TextParametersRefused,
    sql_error,
)
from gateway.emulator.sql.execution_log import ExecutionLog
from gateway.emulator.sql.interpreter import Interpreter
from gateway.emulator.sql.parameters import BinaryEncoding, CommandParameter, read_parameter
from gateway.emulator.sql.parser import parse_batch, parse_procedure_name
from gateway.emulator.sql.procedures import Procedures
from gateway.emulator.sql.utf16 import join_surrogates, split_surrogates
from gateway.emulator.sql.values import Value

__all__ = [
    "Execution", "ExecutionLog", "NotExecuted", "NotInterpreted", "ParameterConversionError", "Procedures",
    "SqlServerError", "TextParametersRefused", "execute",
]  # fmt: skip

_PARAMETER_NAME: Final = re.compile(r"@[\w@$#]{1,127}")
#: What SqlClient reports where nothing counts rows.
_NO_COUNT: Final = -1
_INT: Final = DataType("int")


@dataclass(frozen=True, slots=True)
class Execution:
    """Parameters that are returned (Halo's Parameter), rows, and the rows that were changed: one per run."""

    parameters: list[dict[str, Any]]
    rows: list[dict[str, Any]]
    rows_affected: int


def execute(
    command: dict[str, Any],
    procedures: Procedures,
    log: ExecutionLog,
    *,
    binary_encoding: BinaryEncoding = "either",
    refuses_text_parameters: bool = False,
) -> Execution:
    """Execute Halo's Command.

    Raises SqlServerError (ParameterConversionError where SqlClient fails before anything is sent), and
    NotExecuted for a batch that only reads with a SELECT outside of the subset.
    """
    if refuses_text_parameters and command.get("type") != "storedProcedure" and command.get("parameters"):
        raise TextParametersRefused
    parameters = [read_parameter(each, binary_encoding) for each in command.get("parameters") or []]
    text = str(command.get("text") or "")
    if not text.strip():
        raise SqlServerError(0, "SQL query string cannot be null or void")
    run = _run_procedure if command.get("type") == "storedProcedure" else _run_batch
    return run(split_surrogates(text), parameters, Database(procedures, log))


def _run_procedure(text: str, parameters: Sequence[CommandParameter], database: Database) -> Execution:
    parts = parse_procedure_name(text)
    if parts is None:
        raise sql_error(2812, join_surrogates(text[:128]))
    sent = [parameter for parameter in parameters if parameter.direction != "returnValue"]
    passed = [PassedArgument(parameter.name, parameter.value, parameter.is_returned) for parameter in sent]
    returns, outputs = call_procedure(parts, passed, database)
    values = {id(parameter): output for parameter, output in zip(sent, outputs, strict=True)}
    answers = [
        parameter.answer(values.get(id(parameter), Value(_INT, returns)))
        for parameter in parameters
        if parameter.is_returned
    ]
    return Execution(answers, [], 1)


def _run_batch(text: str, parameters: Sequence[CommandParameter], database: Database) -> Execution:
    variables = _variables(parameters)
    statements = parse_batch(text, {name: value.type for name, value in variables.items()})
    interpreter = Interpreter(variables, database)
    interpreter.run(statements)
    answers = [
        parameter.answer(interpreter.variables.get(parameter.name.lower()))
        for parameter in parameters
        if parameter.is_returned
    ]
    return Execution(answers, interpreter.rows, interpreter.runs or _NO_COUNT)


def _variables(parameters: Sequence[CommandParameter]) -> dict[str, Value]:
    """Declare parameters as sp_executesql does: SqlClient leaves a return value out."""
    variables: dict[str, Value] = {}
    for parameter in parameters:
        if parameter.direction == "returnValue":
            continue
        if not _PARAMETER_NAME.fullmatch(parameter.name):
            raise sql_error(102, parameter.name[:64])
        if parameter.name.lower() in variables:
            raise sql_error(134, parameter.name)
        variables[parameter.name.lower()] = parameter.value
    return variables
