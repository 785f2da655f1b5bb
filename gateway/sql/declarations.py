"""Which parameters of a stored procedure are declared in SQL text, and which forbid it."""

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from gateway.sql.literals import MAX_OPERANDS, operand_count
from gateway.sql.query_body import Parameter
from gateway.sql.reasons import Reason, UnsuitableError
from gateway.sql.types import SqlType, sql_type
from gateway.sql.value import BinaryValue, Extent, TextValue

#: `large`: values that Halo cannot convert; `binary-always`: every binary one too; `all`: every text too.
Scope = Literal["large", "binary-always", "all"]
#: Bytes of a value in the body up to which it is not large in any type.
SMALL = 4_000
#: SQL Server's limit of parameters without the two of sp_executesql, which executes a text.
MAX_TEXT_PARAMETERS = 2_098


class _Declared(NamedTuple):
    """Value to declare; Halo cannot convert one that is large."""

    value: TextValue | BinaryValue
    is_large: bool


#: Values to declare, by the index of their parameter.
DeclaredValues = Mapping[int, TextValue | BinaryValue]


def declared_values(parameters: Sequence[Parameter], scope: Scope) -> DeclaredValues:
    """Return the values to declare, if any. Raises UnsuitableError if a parameter forbids it.

    What a scope adds to the large values never forbids it: a small value that cannot be declared stays.
    """
    values = {index: _declared_value(each, scope) for index, each in enumerate(parameters)}
    declared = _within_operands({index: value for index, value in values.items() if value is not None})
    if declared and not all(_is_supported(each) for each in parameters):
        raise UnsuitableError(Reason.TYPE)
    if declared and len(parameters) - len(declared) > MAX_TEXT_PARAMETERS:
        raise UnsuitableError(Reason.COMPLEX)
    return declared


def _is_supported(parameter: Parameter) -> bool:
    """Whether a parameter can stand beside declared ones. The type of a return value does not matter."""
    return parameter.direction == "returnValue" or sql_type(parameter.type).is_supported


def _within_operands(values: Mapping[int, _Declared]) -> DeclaredValues:
    """Return all large values and the small ones for whose sums the server's limit leaves room.

    Raises UnsuitableError if it leaves none for the large ones.
    """
    total, kept = 0, set()
    for index, each in sorted(values.items(), key=lambda item: not item[1].is_large):
        count = operand_count(each.value) - 1 if isinstance(each.value, TextValue) else 0
        if total + count < MAX_OPERANDS:
            total += count
            kept.add(index)
        elif each.is_large:
            raise UnsuitableError(Reason.OPERANDS)
    return {index: each.value for index, each in values.items() if index in kept}


def _declared_value(parameter: Parameter, scope: Scope) -> _Declared | None:
    """Value to declare; None if the parameter stays one. Raises UnsuitableError if it can be neither."""
    kind = sql_type(parameter.type)
    if parameter.value is None or parameter.direction in {"output", "returnValue"}:
        return None
    value = BinaryValue(parameter.value) if kind.is_binary else TextValue(parameter.value)
    is_large = _is_large(value, kind)
    if not is_large and not _is_in_scope(kind, scope):
        return None
    try:
        _check(parameter, value, kind)
    except UnsuitableError:
        if is_large:
            raise
        return None
    return _Declared(value, is_large)


def _is_in_scope(kind: SqlType, scope: Scope) -> bool:
    """Whether a value is declared that is not large."""
    if kind.is_binary:
        return scope != "large"
    return scope == "all" and kind.variable != ""


def _is_large(value: TextValue | BinaryValue, kind: SqlType) -> bool:
    """Whether Halo cannot convert a value. That of an unknown type may be a large text."""
    if not kind.variable and kind.is_supported:
        return False
    limit = kind.limit if kind.variable else SMALL
    return value.string.size > limit and _extent(value, kind).most > limit


def _extent(value: TextValue | BinaryValue, kind: SqlType) -> Extent:
    if isinstance(value, BinaryValue):
        size = value.bytes()
    elif kind.is_code_page:
        return value.code_page_bytes()
    else:
        size = value.units()
    return Extent(size, size)


def _check(parameter: Parameter, value: TextValue | BinaryValue, kind: SqlType) -> None:
    """Raise UnsuitableError if a value cannot be a declared variable's."""
    if not kind.variable:
        raise UnsuitableError(Reason.TYPE)
    if parameter.direction != "input":
        raise UnsuitableError(Reason.INPUT_OUTPUT)
    if not parameter.is_documented:
        raise UnsuitableError(Reason.UNKNOWN_MEMBER)
    _check_size(parameter.size, _extent(value, kind), is_padded=kind.is_padded)
    if kind.variable == "xml" and isinstance(value, TextValue) and value.declares_encoding():
        raise UnsuitableError(Reason.XML_ENCODING)


def _check_size(size: int, extent: Extent, *, is_padded: bool) -> None:
    """Raise UnsuitableError if the size would cut the value or fill it up; -1 and 0 are no limit."""
    if size < -1 or 0 < size < extent.most:
        raise UnsuitableError(Reason.SIZE)
    if is_padded and (size > extent.fewest or extent.most == 0):
        raise UnsuitableError(Reason.PADDING)
