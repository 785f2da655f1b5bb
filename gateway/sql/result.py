"""Result of a rewritten command: its return value, which was sent as an output, is a return value again.

Only that field changes. Halo puts parameters in `result` of a query, and in a page or a registered result
itself (OpenAPI 26.619).
"""

from codecs import BOM_UTF8
from collections.abc import Iterator

import msgspec

from gateway.sql.json_spans import JsonText, Span, SpanError, item_spans, member_spans

_RETURN_VALUE = b'"returnValue"'
#: Maximum bytes of a name or direction: SQL Server's names have 128 characters.
_MAX_TEXT = 2_000


def with_return_value(body: bytes, name: str) -> bytes:
    """Return a result with the output of this name as `returnValue`; the same object if there is none.

    It is not searched for behind some 10,000 parameters, or rows that are not one string as Halo's are.
    """
    span = _direction_span(body, name) if name else None
    if span is None:
        return body
    view = memoryview(body)
    return b"".join((view[: span.start], _RETURN_VALUE, view[span.end :]))


def _direction_span(body: bytes, name: str) -> Span | None:
    text = JsonText(body)
    try:
        for parameters in _parameters(text, len(BOM_UTF8) if body.startswith(BOM_UTF8) else 0):
            for item in item_spans(text, parameters.start):
                fields = dict(member_spans(text, item.start))
                if _is_output(body, fields, name):
                    return fields[b"direction"]
    except SpanError:
        pass
    return None


def _parameters(text: JsonText, start: int, *, is_result: bool = False) -> Iterator[Span]:
    """Yield the arrays of parameters of a query or result."""
    for name, value in member_spans(text, start):
        first = text.mark(value.start)
        if name == b"parameters" and first == b"[":
            yield value
        elif name == b"result" and first == b"{" and not is_result:
            yield from _parameters(text, value.start, is_result=True)


def _is_output(body: bytes, fields: dict[bytes, Span], name: str) -> bool:
    direction, own_name = (_text(body, fields.get(key)) for key in (b"direction", b"name"))
    return direction.lower() == "output" and _plain(own_name) == _plain(name)


def _text(body: bytes, span: Span | None) -> str:
    """Text of a short JSON string; empty for any other value."""
    if span is None or span.end - span.start > _MAX_TEXT:
        return ""
    try:
        return msgspec.json.decode(body[span.start : span.end], type=str)
    except (msgspec.MsgspecError, UnicodeError):
        return ""


def _plain(name: str) -> str:
    """Name of a parameter, which SQL Server compares without case, and Halo takes without the `@`."""
    return name.removeprefix("@").casefold()
