"""Halo's refusal of a parameter that it cannot convert: the documented text in a documented shape.

Nothing has run before this answer, so that the command may be sent again. An answer that says anything more,
such as a result, another state or an error of the database, is not this one.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

_CAUSE: Final = (
    "Failed to convert parameter value from a String to a Byte[]. --> Invalid cast from 'System.String' to"
    " 'System.Byte[]'."
)
_TEXTS: Final = (_CAUSE, f"{_CAUSE} Please correct your request and try again.")
#: Halo Link's code of it, and the HTTP status in its place.
_CODES: Final = (2, 400)
#: Types in lower case of errors that come before the database.
_TYPES: Final = ("halolink", "http")
#: States that a query enters before its command is executed to the end.
_STATES: Final = frozenset({"initialising", "queued", "executing"})
#: Maximum bytes of an answer; Halo's have about 1,000.
_MAX_SIZE: Final = 16_384

_Shape = Mapping[str, Callable[[Any], bool]]


def _is_text(value: Any) -> bool:
    return value in _TEXTS


def _is_code(value: Any) -> bool:
    return type(value) is int and value in _CODES


def _is_type(value: Any) -> bool:
    return isinstance(value, str) and value.lower() in _TYPES


def _is_timing(value: Any) -> bool:
    return isinstance(value, dict) and value.keys() <= _STATES


def _is_scalar(value: Any) -> bool:
    return isinstance(value, str | int)


def _is_object(shape: _Shape, *required: str) -> Callable[[Any], bool]:
    """Whether a value is an object with the required members, and no member that is not as its shape says."""
    return lambda value: (
        isinstance(value, dict)
        and value.keys() >= set(required)
        and all(name in shape and shape[name](member) for name, member in value.items())
    )


_DETAILS: Final[_Shape] = {"errorType": _is_type, "errorCode": _is_code, "errorMessage": _is_text}
_QUERY: Final[_Shape] = {
    "status": lambda value: value == "executionFailed",
    "statusTiming": _is_timing,
    "errorDetails": _is_object(_DETAILS, "errorMessage"),
    "errorCode": _is_code,
    "errorMessage": _is_text,
    **dict.fromkeys(("id", "integratorId", "siteId", "mode"), _is_scalar),
    **dict.fromkeys(("maxTimeInQueue", "commandSize", "requestSize"), _is_scalar),
    **dict.fromkeys(("createdAt", "updatedAt", "completedAt"), _is_scalar),
}
_STATUS: Final[_Shape] = {
    "status": lambda value: type(value) is int and value == 400,  # noqa: PLR2004 - Bad Request
    "statusText": lambda value: value == "Bad Request",
    "message": _is_text,
}
_is_failed_query = _is_object(_QUERY, "status", "errorDetails")
_is_failed_submission = _is_object(_QUERY, "errorDetails")
_is_error = _is_object({"error": _is_object(_STATUS, "status", "message")}, "error")


def is_conversion_refusal(body: bytes, *, is_poll: bool = False) -> bool:
    """Whether the answer to a submission, or to a poll, is exactly the documented refusal."""
    try:
        answer = json.loads(body.decode(), object_pairs_hook=_members) if len(body) <= _MAX_SIZE else None
    except (ValueError, RecursionError):
        return False
    return _is_failed_query(answer) if is_poll else _is_error(answer) or _is_failed_submission(answer)


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Members of an object without those that are null. Raises ValueError if a name is repeated."""
    if len(dict(pairs)) < len(pairs):
        raise ValueError("a name is repeated")
    return {name: value for name, value in pairs if value is not None}
