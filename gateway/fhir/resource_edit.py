"""`Resource.meta` changed in place: the rest of the resource keeps its bytes."""

import re
from collections.abc import Callable, Mapping
from functools import cache

from msgspec import Raw

from gateway.fhir.raw_json import encode, object_fields, string_json, string_json_content, string_value

_SCALARS = rb'(?:"\w++"\s*+:\s*+(?:"[^"\\]*+"|true|false)\s*+,\s*+)*'

#: Given the resource's type and the old text: the new text, or None to leave the element out.
TextMapper = Callable[[str, str], str | None]


def with_meta_element(resource: Raw, name: str, change: TextMapper) -> Raw:
    """The resource with `meta.<name>` changed, dropped if None; the same object if it stays."""
    body = bytes(resource)
    found = _element_pattern(name).match(body)
    if found is None:
        return _edit_by_decoding(resource, name, change) if f'"{name}"'.encode() in body else resource
    old = found[2].decode()
    new = change(found[1].decode(), old)
    if new == old:
        return resource
    if new is None:
        return _edit_by_decoding(resource, name, change)
    start, end = found.span(2)
    return Raw(body[:start] + string_json_content(new) + body[end:])


@cache
def _element_pattern(name: str) -> re.Pattern[bytes]:
    """Matches from a resource's type to the element, where only scalars come before: exact and fast."""
    head = rb'\{\s*+"resourceType"\s*+:\s*+"(\w++)"\s*+,\s*+%s"meta"\s*+:\s*+\{\s*+%s' % (_SCALARS, _SCALARS)
    return re.compile(head + rb'"%s"\s*+:\s*+"([^"\\]++)"' % name.encode())


def _edit_by_decoding(resource: Raw, name: str, change: TextMapper) -> Raw:
    fields = object_fields(resource)
    meta = object_fields(fields["meta"]) if "meta" in fields else {}
    old = string_value(meta.get(name))
    new = change(string_value(fields.get("resourceType")), old) if old else old
    if new == old:
        return resource
    return encode({**fields, "meta": encode(with_text_field(meta, name, new))})


def with_text_field(fields: Mapping[str, Raw], name: str, text: str | None) -> Mapping[str, Raw]:
    """The fields with another text under one name, or without it."""
    if text is None:
        return {key: raw for key, raw in fields.items() if key != name}
    return {key: string_json(text) if key == name else raw for key, raw in fields.items()}
