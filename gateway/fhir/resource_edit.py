"""Edits of `Resource.meta` that keep the bytes of the rest of the resource."""

import re
from collections.abc import Callable, Mapping
from functools import cache

from msgspec import Raw

from gateway.fhir.raw_json import encode, object_fields, string_json, string_json_content, string_value

_SCALARS = rb'(?:"\w++"\s*+:\s*+(?:"[^"\\]*+"|true|false)\s*+,\s*+)*'

#: (resource type, old text) -> new text, or None to remove the element.
TextMapper = Callable[[str, str], str | None]


def with_meta_element(resource: Raw, name: str, change: TextMapper) -> Raw:
    """Return the resource with `meta.<name>` changed or removed; the same object if unchanged."""
    body = bytes(resource)
    match = _element_pattern(name).match(body)
    if match is None:
        return _edit_by_decoding(resource, name, change) if f'"{name}"'.encode() in body else resource
    old = match[2].decode()
    new = change(match[1].decode(), old)
    if new == old:
        return resource
    if new is None:
        return _edit_by_decoding(resource, name, change)
    start, end = match.span(2)
    return Raw(body[:start] + string_json_content(new) + body[end:])


@cache
def _element_pattern(name: str) -> re.Pattern[bytes]:
    """Pattern from the resource type to the element, if only scalars precede it: exact and fast."""
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
    """Return the fields with another text for a name, or without the name if None."""
    if text is None:
        return {key: raw for key, raw in fields.items() if key != name}
    return {key: string_json(text) if key == name else raw for key, raw in fields.items()}
