"""Where FHIR puts URLs of the server itself into a resource, and nowhere else (docs/urls.md)."""

import re
from collections.abc import Callable

from msgspec import Raw

from gateway.fhir.raw_json import UnreadableError, encoded, items, opened, quoted, string

#: Elements of type Attachment whose names do not end in `Attachment` (R4, all resources).
_ATTACHMENTS = frozenset({"attachment", "content", "document", "image", "photo", "presentedForm"})
#: (name of the object, name of the field): those of Bundle and Bundle.entry.
_BUNDLE = frozenset({("link", "url"), ("request", "url"), ("response", "location")})
_ANYWHERE = frozenset({"reference", "fullUrl"})

#: Names of fields for which the object they stand in must be known.
_DEPENDING = frozenset({"url", "location"})
#: The name in front of a JSON string, if it is the value of a field.
_NAME = re.compile(rb'(?<!\\)"(\w+)"\s*:\s*\Z')
_LONGEST_NAME = 100

#: Given a URL and whether it stands for a Reference: the URL to show instead, or the very same.
Change = Callable[[str, bool], str]
#: What a URL to change is known by: any of these, in the bytes.
Needles = tuple[bytes, ...]


def changed_urls(value: Raw, needles: Needles, change: Change, name: str = "") -> Raw:
    """The value with its server URLs changed, the very same where none was.

    `name` is the value's own. All else keeps its bytes, a signed Bundle whole. Raises UnreadableError.
    """
    body = bytes(value)
    found = tuple(filter(body.__contains__, needles))
    if not found:
        return value
    new = None if b'"signature"' in body else _spliced(body, found, change)
    if new is None:
        return _walked(value, needles, change, name)
    return value if new == body else Raw(new)


def is_server_url(parent: str, name: str) -> bool:
    """Whether a field of this name, in an object of that name, holds a URL of the server."""
    attachment = name == "url" and (parent in _ATTACHMENTS or parent.endswith("Attachment"))
    return name in _ANYWHERE or attachment or (parent, name) in _BUNDLE


def _spliced(body: bytes, needles: Needles, change: Change) -> bytes | None:
    """The JSON with its URLs changed, without decoding it; None where the object around one must be known.

    A needle can only stand inside a string, whose quotes are the nearest that no backslash escapes.
    """
    parts, done, at = list[bytes](), 0, _next(body, needles, 0)
    while at >= 0:
        start, end = body.rfind(b'"', 0, at), body.find(b'"', at) + 1
        name = _NAME.search(body, max(0, start - _LONGEST_NAME), start)
        field = name[1].decode() if name else ""
        if field in _DEPENDING:
            return None
        if field in _ANYWHERE:
            parts += [body[done:start], _changed(body[start:end], field, needles, change)]
            done = end
        at = _next(body, needles, end)
    return b"".join((*parts, body[done:]))


def _next(body: bytes, needles: Needles, start: int) -> int:
    return min((at for each in needles if (at := body.find(each, start)) >= 0), default=-1)


def _holds(body: bytes, needles: Needles) -> bool:
    return any(needle in body for needle in needles)


def _changed(text: bytes, name: str, needles: Needles, change: Change) -> bytes:
    """A JSON string with the URL in it changed; the same bytes where it is not one to change."""
    old = string(Raw(text)) if _holds(text, needles) else ""
    new = change(old, name == "reference") if old else old
    return text if new == old else bytes(quoted(new))


def _walked(value: Raw, needles: Needles, change: Change, name: str) -> Raw:
    try:
        return _Walk(needles, change).value(value, name)
    except RecursionError as problem:
        raise UnreadableError(type(problem).__name__) from problem


class _Walk:
    """Decodes what holds a needle, level by level; numbers and all else stay raw."""

    def __init__(self, needles: Needles, change: Change) -> None:
        self._needles = needles
        self._change = change

    def value(self, value: Raw, name: str) -> Raw:
        """The value, changed, or the very same."""
        body = bytes(value)
        if not _holds(body, self._needles):
            return value
        kind = body.lstrip()[:1]
        if kind == b"{":
            return self._object(value, name)
        return self._array(value, name) if kind == b"[" else value

    def _object(self, value: Raw, name: str) -> Raw:
        old = opened(value)
        if "signature" in old and string(old.get("resourceType")) == "Bundle":
            return value
        new = {each: self._field(name, each, raw) for each, raw in old.items()}
        return encoded(new) if any(new[each] is not old[each] for each in old) else value

    def _array(self, value: Raw, name: str) -> Raw:
        old = items(value)
        new = [self.value(each, name) for each in old]
        return encoded(new) if any(one is not other for one, other in zip(new, old, strict=True)) else value

    def _field(self, parent: str, name: str, raw: Raw) -> Raw:
        if not is_server_url(parent, name) or not string(raw):
            return self.value(raw, name)
        text = bytes(raw)
        new = _changed(text, name, self._needles, self._change)
        return raw if new == text else Raw(new)
