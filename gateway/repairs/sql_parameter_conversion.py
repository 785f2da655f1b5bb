"""Repair of stored procedures with large parameters, which the practice refuses to convert.

The handler `sql_parameters.py` sends such a command as text. Here is how its refusal is recognised.
"""

import re
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest
from gateway.repairs.conversion_refusal import is_conversion_refusal
from gateway.repairs.repair import KnownIssue, Repair
from gateway.repairs.witness import MAX_BODY_BYTES, UpstreamAnswer
from gateway.sites.issue_states import Verdict
from gateway.sql.operation import parse_operation
from gateway.upstreams.halo_sql import PARAMETER_REFUSED

ID: Final = "sql-parameter-conversion"
#: Letters of the message of the .NET library that sends the command.
_REFUSAL_LETTERS = b"failedtoconvertparametervalue"
#: HTTP's statuses: of a refused submission, and of a poll of a query that was refused later.
_REFUSED, _POLLED = 400, 200
#: Bytes that are compared at once, so that other threads can run in between; and the longest spelling.
_CHUNK: Final = 65_536
_MAX_SPREAD: Final = 1_000
_ESCAPE = re.compile(rb"\\(?:u00([0-7][0-9A-Fa-f])|[bfnrt])")
_LETTERS = bytes(range(ord("a"), ord("z") + 1))
_LOWER_CASE = bytes.maketrans(_LETTERS.upper(), _LETTERS)
_NO_LETTERS = bytes(set(range(256)) - set(_LETTERS) - set(_LETTERS.upper()))
#: Characters of a value that Halo cannot convert, by SQL type in lower case.
_MAX_LENGTHS = {"varbinary": 16_000, "nvarchar": 4_000}


def is_refusal(failure: Failure, *, is_poll: bool = False) -> bool:
    """Whether the practice refused to convert a parameter, before the database got the command."""
    response = failure.upstream_response
    if response is None or response.status != (_POLLED if is_poll else _REFUSED):
        return False
    return is_conversion_refusal(response.body, is_poll=is_poll)


def contains_refusal(body: bytes) -> bool:
    """Whether a request contains the words of the refusal, so that an upstream may only repeat them.

    Only letters are compared: capitals, spaces, quotes and JSON's escapes do not count.
    """
    for start in range(0, len(body), _CHUNK):
        piece = body[start : start + _CHUNK + _MAX_SPREAD]
        if b"\\" in piece:
            piece = _ESCAPE.sub(lambda escape: bytes([int(escape[1] or b"0", 16)]), piece)
        if _REFUSAL_LETTERS in piece.translate(_LOWER_CASE, _NO_LETTERS):
            return True
    return False


def witness_sql_parameters(request: FhirRequest, answer: UpstreamAnswer) -> Iterator[tuple[str, Verdict]]:
    """Yield broken for the refusal of a parameter in the upstream's own words, right for one that ran."""
    operation = parse_operation(request.method, request.path)
    if operation is None or not operation.is_submission:
        return
    if answer.failure is not None:
        if answer.failure.kind is PARAMETER_REFUSED:
            yield "", "broken"
    elif answer.size and _has_large_parameter(request.body):
        yield "", "right"


def _has_large_parameter(body: bytes) -> bool:
    """Whether a query calls a stored procedure with a value that Halo cannot convert; not of a large body."""
    if len(body) > MAX_BODY_BYTES or b"storedProcedure" not in body:
        return False
    try:
        query = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return any(map(_is_large, _parameters(query)))


def _parameters(query: Any) -> list[Any]:
    """Parameters of a stored procedure; none of a query that has not the documented shape."""
    inner = query.get("registerCommand", query) if isinstance(query, dict) else None
    command = inner.get("command") if isinstance(inner, dict) else None
    if not isinstance(command, dict) or command.get("type") != "storedProcedure":
        return []
    parameters = command.get("parameters")
    return parameters if isinstance(parameters, list) else []


def _is_large(parameter: Any) -> bool:
    if not isinstance(parameter, dict) or not isinstance(parameter.get("value"), str):
        return False
    limit = _MAX_LENGTHS.get(str(parameter.get("type")).lower())
    return limit is not None and len(parameter["value"]) > limit


REPAIR = Repair(
    KnownIssue(
        ID,
        "Stored procedures with large VarBinary or NVarChar parameters are refused",
        "Halo Connect troubleshooting, SQL Passthrough known issues (all pages)",
        "nothing",
        "sent as SQL text that declares these parameters",
    ),
    witness=witness_sql_parameters,
)
