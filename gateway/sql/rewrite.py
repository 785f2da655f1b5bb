"""Stored procedures with large parameters, rewritten as text that declares them (the vendor's way round).

Only what Halo cannot convert is declared; all other parameters stay where they are, with Halo's conversion.
The text is proved before it is used; a command that cannot be rewritten with proof stays as it was sent.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from gateway.sql.batch import Batch
from gateway.sql.body_edits import Edit, ascii_json_content, edited_body, json_content, removals
from gateway.sql.declarations import SMALL, DeclaredValues, Scope, declared_values
from gateway.sql.json_skeleton import JsonString, Skeleton
from gateway.sql.procedure_batch import batch_text, procedure_batch
from gateway.sql.proof import is_proved
from gateway.sql.query_body import Parameter, StoredProcedure, parse_procedure_call
from gateway.sql.reasons import Reason, UnsuitableError

__all__ = ["LeftAlone", "Rewritten", "Scope", "rewrite_query"]


#: Whether a text is exactly a batch.
Proof = Callable[[bytes, Batch], bool]


class Rewritten(NamedTuple):
    """Body to send, and the name of the output to give back as `returnValue`, or an empty name."""

    body: bytes
    return_name: str


class LeftAlone(NamedTuple):
    """The client's own body is to be sent, and why."""

    reason: Reason


def rewrite_query(body: bytes, scope: Scope, prove: Proof = is_proved) -> Rewritten | LeftAlone:
    """Return the body of an immediate, async or registered query with its large inputs declared.

    For a thread of its own: 14 MB take about a second. No step holds the interpreter for long.
    """
    try:
        call = _stored_procedure(body, scope)
        values = declared_values(call.parameters, scope) if call else {}
        return _rewritten(body, call, values, prove) if call and values else LeftAlone(Reason.NOT_NEEDED)
    except UnsuitableError as problem:
        return LeftAlone(problem.reason)


def _stored_procedure(body: bytes, scope: Scope) -> StoredProcedure | None:
    """Return the call that may need a rewrite; None if its values are small or the command is text."""
    if scope == "large" and len(body) <= SMALL:
        return None
    skeleton = Skeleton(body)
    return None if scope == "large" and skeleton.longest <= SMALL else parse_procedure_call(skeleton)


def _rewritten(
    body: bytes, call: StoredProcedure, values: DeclaredValues, prove: Proof
) -> Rewritten | LeftAlone:
    batch = procedure_batch(call, values)
    text = batch_text(batch)
    if not prove(b"".join(text), batch):
        return LeftAlone(Reason.NOT_PROVED)
    content = ascii_json_content if body.isascii() else json_content
    returns = [each for each in call.parameters if each.direction == "returnValue"]
    edits = [
        _content(call.type_string, b"text"),
        Edit(call.text.start, call.text.end, content(text)),
        *removals([each.span for each in call.parameters], set(values)),
        *(edit for each in returns for edit in _output_edits(each)),
    ]
    return Rewritten(edited_body(body, edits), "".join(each.name for each in returns))


def _output_edits(parameter: Parameter) -> Iterator[Edit]:
    """Yield what makes a return value, which a text command has not, an Int output without a value."""
    if parameter.type_string:
        yield _content(parameter.type_string, b"Int")
    added = b"" if parameter.type_string else b'","type":"Int'
    if parameter.direction_string:
        yield _content(parameter.direction_string, b"output" + added)
    if parameter.value:
        yield Edit(parameter.value.start - 1, parameter.value.end + 1, (b"null",))


def _content(string: JsonString, content: bytes) -> Edit:
    return Edit(string.start, string.end, (content,))
