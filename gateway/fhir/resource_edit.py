"""Edits of `Resource.meta` that keep the bytes of the rest of the resource."""

import re
from collections.abc import Callable, Mapping
from functools import cache

from msgspec import Raw

from gateway.fhir.raw_json import encode, object_fields, string_json, string_json_content, string_value

_SCALARS = rb'(?:"\w++"\s*+:\s*+(?:"[^"\\]*+"|true|false)\s*+,\s*+)*'

#: (resource type, old text) -> new text, or None to remove the element.
TextMapper = Callable[[str, str], str | None]
#: Texts whose change one edit remembers: the resources of a page were often changed together.
_MAX_KNOWN = 256


def with_meta_element(resource: Raw, name: str, change: TextMapper) -> Raw:
    """Return the resource with `meta.<name>` changed or removed; the same object if unchanged."""
    return meta_element_edit(name, change)(resource)


def meta_element_edit(name: str, change: TextMapper) -> Callable[[Raw], Raw]:
    """Return the edit of `with_meta_element` for many resources; `change` must be pure."""
    pattern, json_name = _element_pattern(name), f'"{name}"'.encode()
    known: dict[tuple[bytes, ...], bytes | None] = {}

    def changed_text(key: tuple[bytes, ...]) -> bytes | None:
        type_, old = key
        new = change(type_.decode(), old.decode())
        text = new if new is None else string_json_content(new)
        if len(known) < _MAX_KNOWN:
            known[key] = text
        return text

    def edit(resource: Raw) -> Raw:
        body = bytes(resource)
        match = pattern.match(body)
        if match is None:
            return _edit_by_decoding(resource, name, change) if json_name in body else resource
        key = match.groups()
        new = known[key] if key in known else changed_text(key)
        if new == key[1]:
            return resource
        if new is None:
            return _edit_by_decoding(resource, name, change)
        start, end = match.span(2)
        return Raw(body[:start] + new + body[end:])

    return edit


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
