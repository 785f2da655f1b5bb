"""`Resource.meta` changed in place: the rest of the resource keeps its bytes."""

import re
from collections.abc import Callable, Mapping
from functools import cache

from msgspec import Raw

from gateway.fhir.raw_json import encoded, escaped, opened, quoted, string

_SCALARS = rb'(?:"\w++"\s*+:\s*+(?:"[^"\\]*+"|true|false)\s*+,\s*+)*'

#: Given the resource's type and the old text: the new text, or None to leave the element out.
Change = Callable[[str, str], str | None]


def with_meta(resource: Raw, name: str, change: Change) -> Raw:
    """The resource with `meta.<name>` changed, dropped if None; the same object if it stays."""
    body = bytes(resource)
    found = _place(name).match(body)
    if found is None:
        return _decoded(resource, name, change) if f'"{name}"'.encode() in body else resource
    old = found[2].decode()
    new = change(found[1].decode(), old)
    if new == old:
        return resource
    if new is None:
        return _decoded(resource, name, change)
    start, end = found.span(2)
    return Raw(body[:start] + escaped(new) + body[end:])


@cache
def _place(name: str) -> re.Pattern[bytes]:
    """Matches from a resource's type to the element, where only scalars come before: exact and fast."""
    head = rb'\{\s*+"resourceType"\s*+:\s*+"(\w++)"\s*+,\s*+%s"meta"\s*+:\s*+\{\s*+%s' % (_SCALARS, _SCALARS)
    return re.compile(head + rb'"%s"\s*+:\s*+"([^"\\]++)"' % name.encode())


def _decoded(resource: Raw, name: str, change: Change) -> Raw:
    fields = opened(resource)
    meta = opened(fields["meta"]) if "meta" in fields else {}
    old = string(meta.get(name))
    new = change(string(fields.get("resourceType")), old) if old else old
    if new == old:
        return resource
    return encoded({**fields, "meta": encoded(with_text(meta, name, new))})


def with_text(fields: Mapping[str, Raw], name: str, text: str | None) -> Mapping[str, Raw]:
    """The fields with another text under one name, or without it."""
    if text is None:
        return {key: raw for key, raw in fields.items() if key != name}
    return {key: quoted(text) if key == name else raw for key, raw in fields.items()}
