"""Where FHIR puts URLs of the server itself into a resource, and nowhere else (docs/urls.md)."""

import re
from collections.abc import Callable

from msgspec import Raw

from gateway.fhir.raw_json import (
    UnreadableError,
    array_items,
    encode,
    object_fields,
    string_json,
    string_value,
)

#: Elements of type Attachment whose names do not end in `Attachment` (R4, all resources).
_ATTACHMENT_ELEMENTS = frozenset({"attachment", "content", "document", "image", "photo", "presentedForm"})
#: (name of the object, name of the field): those of Bundle and Bundle.entry.
_BUNDLE_FIELDS = frozenset({("link", "url"), ("request", "url"), ("response", "location")})
_URL_FIELDS = frozenset({"reference", "fullUrl"})

#: Names of fields for which the object they stand in must be known.
_AMBIGUOUS_FIELDS = frozenset({"url", "location"})
#: The name in front of a JSON string, if it is the value of a field.
_FIELD_NAME = re.compile(rb'(?<!\\)"(\w+)"\s*:\s*\Z')
_MAX_NAME_LENGTH = 100

#: Given a URL and whether it stands for a Reference: the URL to show instead, or the very same.
UrlMapper = Callable[[str, bool], str]
#: What a URL to change is known by: any of these, in the bytes.
Needles = tuple[bytes, ...]


def rewrite_server_urls(value: Raw, needles: Needles, change: UrlMapper, name: str = "") -> Raw:
    """The value with its server URLs changed, the very same where none was.

    `name` is the value's own. All else keeps its bytes, a signed Bundle whole. Raises UnreadableError.
    """
    body = bytes(value)
    found = tuple(filter(body.__contains__, needles))
    if not found:
        return value
    new = None if b'"signature"' in body else _rewrite_without_decoding(body, found, change)
    if new is None:
        return _rewrite_by_decoding(value, needles, change, name)
    return value if new == body else Raw(new)


def is_server_url_field(parent: str, name: str) -> bool:
    """Whether a field of this name, in an object of that name, holds a URL of the server."""
    attachment = name == "url" and (parent in _ATTACHMENT_ELEMENTS or parent.endswith("Attachment"))
    return name in _URL_FIELDS or attachment or (parent, name) in _BUNDLE_FIELDS


def _rewrite_without_decoding(body: bytes, needles: Needles, change: UrlMapper) -> bytes | None:
    """The JSON with its URLs changed, without decoding it; None where the object around one must be known.

    A needle can only stand inside a string, whose quotes are the nearest that no backslash escapes.
    """
    parts, done, at = list[bytes](), 0, _next_needle(body, needles, 0)
    while at >= 0:
        start, end = body.rfind(b'"', 0, at), body.find(b'"', at) + 1
        name = _FIELD_NAME.search(body, max(0, start - _MAX_NAME_LENGTH), start)
        field = name[1].decode() if name else ""
        if field in _AMBIGUOUS_FIELDS:
            return None
        if field in _URL_FIELDS:
            parts += [body[done:start], _rewrite_string(body[start:end], field, needles, change)]
            done = end
        at = _next_needle(body, needles, end)
    return b"".join((*parts, body[done:]))


def _next_needle(body: bytes, needles: Needles, start: int) -> int:
    return min((at for each in needles if (at := body.find(each, start)) >= 0), default=-1)


def _contains_any(body: bytes, needles: Needles) -> bool:
    return any(needle in body for needle in needles)


def _rewrite_string(text: bytes, name: str, needles: Needles, change: UrlMapper) -> bytes:
    """A JSON string with the URL in it changed; the same bytes where it is not one to change."""
    old = string_value(Raw(text)) if _contains_any(text, needles) else ""
    new = change(old, name == "reference") if old else old
    return text if new == old else bytes(string_json(new))


def _rewrite_by_decoding(value: Raw, needles: Needles, change: UrlMapper, name: str) -> Raw:
    try:
        return _UrlRewriter(needles, change).rewrite_value(value, name)
    except RecursionError as problem:
        raise UnreadableError(type(problem).__name__) from problem


class _UrlRewriter:
    """Decodes what holds a needle, level by level; numbers and all else stay raw."""

    def __init__(self, needles: Needles, change: UrlMapper) -> None:
        self._needles = needles
        self._change = change

    def rewrite_value(self, value: Raw, name: str) -> Raw:
        """The value, changed, or the very same."""
        body = bytes(value)
        if not _contains_any(body, self._needles):
            return value
        kind = body.lstrip()[:1]
        if kind == b"{":
            return self._rewrite_object(value, name)
        return self._rewrite_array(value, name) if kind == b"[" else value

    def _rewrite_object(self, value: Raw, name: str) -> Raw:
        old = object_fields(value)
        if "signature" in old and string_value(old.get("resourceType")) == "Bundle":
            return value
        new = {each: self._rewrite_field(name, each, raw) for each, raw in old.items()}
        return encode(new) if any(new[each] is not old[each] for each in old) else value

    def _rewrite_array(self, value: Raw, name: str) -> Raw:
        old = array_items(value)
        new = [self.rewrite_value(each, name) for each in old]
        return encode(new) if any(one is not other for one, other in zip(new, old, strict=True)) else value

    def _rewrite_field(self, parent: str, name: str, raw: Raw) -> Raw:
        if not is_server_url_field(parent, name) or not string_value(raw):
            return self.rewrite_value(raw, name)
        text = bytes(raw)
        new = _rewrite_string(text, name, self._needles, self._change)
        return raw if new == text else Raw(new)
