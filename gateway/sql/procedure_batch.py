"""Text that executes a stored procedure with declared inputs, and the batch that it must mean."""

from collections.abc import Iterable, Iterator

from gateway.sql.batch import Argument, Batch, Value, Variable
from gateway.sql.declarations import DeclaredValues
from gateway.sql.json_skeleton import PIECE
from gateway.sql.literals import binary_literal, text_literal
from gateway.sql.names import parse_parameter_name, parse_procedure, quote_name
from gateway.sql.query_body import Parameter, StoredProcedure
from gateway.sql.reasons import Reason, UnsuitableError
from gateway.sql.types import sql_type
from gateway.sql.value import BinaryValue, TextValue

#: Characters of a procedure's name with its quotes: four parts have up to 128 each.
MAX_PROCEDURE_NAME = 500


def procedure_batch(call: StoredProcedure, values: DeclaredValues) -> Batch:
    """Return what the client's command means. Raises UnsuitableError if a name has no certain meaning."""
    names = _names(call)
    arguments, returns = [], []
    for name, parameter in zip(names, call.parameters, strict=True):
        if parameter.direction == "returnValue":
            returns.append(name)
        else:
            arguments.append(Argument(name, name, is_output=parameter.direction != "input"))
    if len(returns) > 1:
        raise UnsuitableError(Reason.RETURN_VALUES)
    variables = tuple(
        Variable(names[index], sql_type(call.parameters[index].type).variable, value)
        for index, value in values.items()
    )
    return Batch(variables, _procedure(call), tuple(arguments), "".join(returns))


def _procedure(call: StoredProcedure) -> tuple[str, ...]:
    text = call.text.text()
    parts = parse_procedure(text) if len(text) <= MAX_PROCEDURE_NAME else None
    if parts is None:
        raise UnsuitableError(Reason.PROCEDURE_NAME)
    return parts


def _names(call: StoredProcedure) -> list[str]:
    names = [_name(parameter) for parameter in call.parameters]
    if len({name.casefold() for name in names}) < len(names):
        raise UnsuitableError(Reason.REPEATED_PARAMETER)
    return names


def _name(parameter: Parameter) -> str:
    name = parse_parameter_name(parameter.name)
    if name is None:
        raise UnsuitableError(Reason.PARAMETER_NAME)
    return name


def batch_text(batch: Batch) -> list[bytes]:
    """Return a batch as T-SQL in UTF-8: DECLARE and SET of each variable, EXECUTE with named arguments.

    In pieces, none of them much smaller than PIECE but the last.
    """
    return list(_gather(_text_pieces(batch)))


def _text_pieces(batch: Batch) -> Iterator[bytes]:
    for variable in batch.variables:
        yield f"DECLARE {variable.name} {variable.type};\nSET {variable.name} = ".encode()
        yield from _literal(variable.value)
        yield b";\n"
    yield f"EXECUTE {_execution(batch)};".encode()


def _literal(value: Value) -> Iterator[bytes]:
    if isinstance(value, BinaryValue):
        return binary_literal(value)
    return text_literal(value) if isinstance(value, TextValue) else iter(())


def _gather(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield pieces joined to at least PIECE: a million small objects would take more room than the text."""
    gathered = bytearray()
    for piece in pieces:
        gathered += piece
        if len(gathered) >= PIECE:
            yield bytes(gathered)
            gathered.clear()
    yield bytes(gathered)


def _execution(batch: Batch) -> str:
    result = f"{batch.return_variable} = " if batch.return_variable else ""
    procedure = ".".join(quote_name(part) if part else "" for part in batch.procedure)
    arguments = (
        f" {each.name} = {each.variable}{' OUTPUT' if each.is_output else ''}" for each in batch.arguments
    )
    return f"{result}{procedure}{','.join(arguments)}"
