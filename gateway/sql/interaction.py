"""Interaction of a request to SQL Passthrough: its action, who answers it, and whether it may change data."""

from typing import Final

import msgspec

from gateway.fhir.interaction import SAFE_METHODS, Interaction
from gateway.sql.operation import SqlAction, parse_operation
from gateway.sql.statement import only_reads

#: Bytes of a submission's body that is read for its command: a larger one counts as a change.
MAX_READ_BYTES: Final = 6_000
#: Action of a path below `/queries` that Halo does not document: it counts as one that asks the practice.
OTHER_ACTION: Final = "other"
#: Actions whose command runs once, so that it may provably only read; a registered one runs again and again.
_SINGLE_RUNS = frozenset({SqlAction.IMMEDIATE, SqlAction.ASYNC})


class _Command(msgspec.Struct):
    text: str = ""
    type: str = "text"  # Halo's default


class _Query(msgspec.Struct):
    command: _Command


def sql_interaction(method: str, path: str, body: bytes = b"") -> Interaction:
    """Return the interaction of a request to a path below `/queries`; `body` is that of a submission."""
    operation = parse_operation(method, path)
    if operation is None:
        return Interaction("sql", operation=OTHER_ACTION, only_reads=method in SAFE_METHODS)
    if operation.is_submission:
        return Interaction(
            "sql",
            operation=operation.action.value,
            is_queued=operation.action is not SqlAction.IMMEDIATE,
            only_reads=operation.action in _SINGLE_RUNS and _only_reads(body),
        )
    is_delete = operation.action is SqlAction.DELETE_REGISTERED
    return Interaction("sql", operation=operation.action.value, asks_practice=False, only_reads=not is_delete)


def _only_reads(body: bytes) -> bool:
    """Whether a query's command is text that provably changes nothing."""
    if len(body) > MAX_READ_BYTES:
        return False
    try:
        command = msgspec.json.decode(body, type=_Query).command
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return False
    return command.type == "text" and only_reads(command.text)
