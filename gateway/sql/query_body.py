"""Stored procedure in a query's body (Halo's OpenAPI document: Command, Parameter)."""

from collections.abc import Iterator
from typing import NamedTuple

import msgspec
from msgspec import Raw

from gateway.sql.json_skeleton import MAX_NAME, JsonString, Skeleton
from gateway.sql.reasons import Reason, UnsuitableError

#: SQL Server's limit for a procedure.
MAX_PARAMETERS = 2_100
_MEMBERS = frozenset({"name", "direction", "type", "value", "size"})
_DIRECTIONS = {name.lower(): name for name in ("input", "output", "inputOutput", "returnValue")}
_size_decoder: msgspec.json.Decoder[int | None] = msgspec.json.Decoder(int | None)


class Parameter(NamedTuple):
    """A parameter as sent. `span` is its object in the body; `value` is None unless it is a string.

    `is_documented`: it has none but documented members.
    """

    name: str
    direction: str
    type: str
    value: JsonString | None
    size: int
    span: tuple[int, int]
    direction_string: JsonString | None
    type_string: JsonString | None
    is_documented: bool


class StoredProcedure(NamedTuple):
    """A command of `type: storedProcedure` as sent; `text` is the procedure's name."""

    type_string: JsonString
    text: JsonString
    parameters: tuple[Parameter, ...]


def parse_procedure_call(skeleton: Skeleton) -> StoredProcedure | None:
    """Return the stored procedure that a body names; None if its command is text. Raises UnsuitableError."""
    command = _command(skeleton)
    type_string = skeleton.string(command.get("type"))
    if type_string is None or type_string.size > MAX_NAME or type_string.text() != "storedProcedure":
        return None
    text = skeleton.string(command.get("text"))
    if text is None:
        raise UnsuitableError(Reason.SHAPE)
    return StoredProcedure(type_string, text, tuple(_parameters(skeleton, command.get("parameters"))))


def _command(skeleton: Skeleton) -> dict[str, Raw]:
    """Members of `command` (immediate, async) or of `registerCommand.command` (registered)."""
    fields = _members(skeleton, None, "command", "registerCommand")
    if ("command" in fields) is ("registerCommand" in fields):
        raise UnsuitableError(Reason.SHAPE)
    if "registerCommand" in fields:
        fields = _members(skeleton, fields["registerCommand"], "command")
    if "command" not in fields:
        raise UnsuitableError(Reason.SHAPE)
    return _members(skeleton, fields["command"], "type", "text", "parameters")


def _members(skeleton: Skeleton, raw: Raw | None, *names: str) -> dict[str, Raw]:
    """Members of an object, of which none differs from these names in capitals only."""
    fields = skeleton.fields(raw)
    known = {name.lower() for name in names}
    if any(name not in names and name.lower() in known for name in fields):
        raise UnsuitableError(Reason.REPEATED_NAME)
    return fields


def _parameters(skeleton: Skeleton, raw: Raw | None) -> Iterator[Parameter]:
    items = skeleton.items(raw)
    if len(items) > MAX_PARAMETERS:
        raise UnsuitableError(Reason.COMPLEX)
    return (_parameter(skeleton, item) for item in items)


def _parameter(skeleton: Skeleton, raw: Raw) -> Parameter:
    fields = _members(skeleton, raw, *_MEMBERS)
    name, direction, type_name = (_string(skeleton, fields.get(key)) for key in ("name", "direction", "type"))
    if name is None:
        raise UnsuitableError(Reason.SHAPE)
    return Parameter(
        name=name.text(),
        direction=_direction(direction),
        type=type_name.text() if type_name else "",
        value=skeleton.string(fields.get("value")),
        size=_size(fields.get("size")),
        span=skeleton.span(raw),
        direction_string=direction,
        type_string=type_name,
        is_documented=fields.keys() <= _MEMBERS,
    )


def _string(skeleton: Skeleton, raw: Raw | None) -> JsonString | None:
    """Return the string of a member; None if it is absent. Raises UnsuitableError for all else, null too."""
    string = skeleton.string(raw)
    if string is None and raw is not None:
        raise UnsuitableError(Reason.SHAPE)
    return string


def _direction(string: JsonString | None) -> str:
    """Direction as Halo spells it; without one it is an input."""
    direction = _DIRECTIONS.get(string.text().lower()) if string else "input"
    if direction is None:
        raise UnsuitableError(Reason.DIRECTION)
    return direction


def _size(raw: Raw | None) -> int:
    """Size of a parameter; 0, which SqlClient takes from the value, if it is absent or null."""
    try:
        return (_size_decoder.decode(raw) or 0) if raw is not None else 0
    except msgspec.ValidationError as problem:
        raise UnsuitableError(Reason.SHAPE) from problem
