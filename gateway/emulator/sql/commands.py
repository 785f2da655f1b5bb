"""Bodies that submit a query, and what Halo's OpenAPI document (26.619) requires of them."""

import json
from collections.abc import Iterable
from typing import Any, Final, NamedTuple, TypeGuard

from gateway.emulator.search.refusal import Refusal

_TYPE_NAMES: Final = (
    "bigint binary bit char string date datetime datetime2 datetimeoffset decimal float image int money nchar"
    " ntext nvarchar real smalldatetime smallint smallmoney structured text time timestamp tinyint udt"
    " uniqueidentifier varbinary varchar variant xml"
)
#: `SqlDbType` as the OpenAPI document lists it, in lower case.
TYPES: Final = frozenset(_TYPE_NAMES.split())
DIRECTIONS: Final = frozenset({"input", "output", "inputOutput", "returnValue"})
MODES: Final = frozenset({"reader", "nonQuery", "scalar"})
IMMEDIATE_QUEUE: Final = (30_000, 60_000)
ASYNC_QUEUE: Final = (3_600_000, 7_200_000)
_MAX_DURATION_SECONDS: Final = 86_400
_MIN_FREQUENCY_SECONDS: Final = 60


class Submission(NamedTuple):
    """A command to execute; `max_time_in_queue` in milliseconds, `request_size` in bytes."""

    command: dict[str, Any]
    max_time_in_queue: int
    request_size: int


class Registration(NamedTuple):
    """A registered query; `frequency` and `duration` in seconds."""

    name: str
    frequency: int
    duration: int
    submission: Submission


def parse_query(body: bytes, queue: tuple[int, int]) -> Submission:
    """Read a query; `queue` has default and maximum of `maxTimeInQueue`. Raises Refusal (400)."""
    fields = parse_object(body)
    default, maximum = queue
    wait = fields.get("maxTimeInQueue", default)
    if not _is_number(wait, 0, maximum):
        raise bad_body(f"maxTimeInQueue must be between 0 and {maximum}.")
    if not isinstance(fields.get("catalogue", ""), str):
        raise bad_body("catalogue must be a string.")
    return Submission(_require_command(fields.get("command")), wait, len(body))


def parse_registration(body: bytes) -> Registration:
    """Read a registered query. Raises Refusal (400)."""
    fields = parse_object(body)
    name, frequency, duration = (fields.get(field) for field in ("name", "frequency", "duration"))
    if not isinstance(name, str) or fields.get("registeredQueryType") != "query":
        raise bad_body("name and registeredQueryType must be provided.")
    if not _is_number(frequency, _MIN_FREQUENCY_SECONDS, _MAX_DURATION_SECONDS):
        raise bad_body(f"frequency must be at least {_MIN_FREQUENCY_SECONDS} seconds.")
    if not _is_number(duration, 1, _MAX_DURATION_SECONDS):
        raise bad_body(f"duration must be between 1 and {_MAX_DURATION_SECONDS} seconds.")
    register = fields.get("registerCommand")
    command = _require_command(register.get("command") if isinstance(register, dict) else None)
    return Registration(name, frequency, duration, Submission(command, 0, len(body)))


def parse_object(body: bytes) -> dict[str, Any]:
    """Read a JSON object, in which lone surrogates stay. Raises Refusal (400)."""
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError):
        raise bad_body() from None
    if not isinstance(fields, dict):
        raise bad_body()
    return fields


def bad_body(text: str = "Malformed SQL") -> Refusal:
    """Build Halo Cloud's refusal of a body: 400, wrapped."""
    return Refusal("wrapped", 400, text, "invalid")


def inputs_of(command: dict[str, Any]) -> Iterable[dict[str, Any]]:
    """Yield the parameters that carry a value to the practice."""
    for parameter in command.get("parameters") or []:
        if parameter.get("direction", "input") in {"input", "inputOutput"}:
            yield parameter


def type_of(parameter: dict[str, Any]) -> str:
    """Return the SqlDbType of a parameter in lower case."""
    return str(parameter.get("type", "NVarChar")).lower()


def _require_command(command: Any) -> dict[str, Any]:
    if not isinstance(command, dict) or not isinstance(command.get("text"), str):
        raise bad_body()
    if command.get("type", "text") not in {"text", "storedProcedure"}:
        raise bad_body("command.type is not valid.")
    if command.get("executionMode", "reader") not in MODES:
        raise bad_body("command.executionMode is not valid.")
    parameters = command.get("parameters")
    parameters = [] if parameters is None else parameters
    if not isinstance(parameters, list) or not all(map(_is_parameter, parameters)):
        raise bad_body("command.parameters is not valid.")
    return command


def _is_parameter(parameter: Any) -> bool:
    return (
        isinstance(parameter, dict)
        and isinstance(parameter.get("name"), str)
        and parameter.get("direction", "input") in DIRECTIONS
        and type_of(parameter) in TYPES
        and isinstance(parameter.get("value"), str | None)
        and isinstance(parameter.get("size"), int | None)
    )


def _is_number(value: Any, minimum: int, maximum: int) -> TypeGuard[int]:
    return type(value) is int and minimum <= value <= maximum
