"""Rewriting of the server's own URLs in the elements of a resource where FHIR puts them (docs/urls.md)."""

import re
from collections.abc import Callable
from functools import lru_cache
from itertools import chain, pairwise

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
#: (name of the object, name of the field) in Bundle and Bundle.entry.
_BUNDLE_FIELDS = frozenset({("link", "url"), ("request", "url"), ("response", "location")})
_URL_FIELDS = frozenset({"reference", "fullUrl"})
#: (name of the object, name of the field), besides those of any server, of a mounted one: other Attachments
#: and addresses of content (R4 and STU3), its address in a CapabilityStatement, the manifest of an
#: asynchronous request, and Parameters.
MOUNTED_FIELDS = frozenset(
    {
        ("form", "url"),
        ("relatedArtifact", "url"),
        ("baseLocation", "url"),
        ("repository", "url"),
        ("implementation", "url"),
        ("output", "url"),
        ("deleted", "url"),
        ("error", "url"),
        ("resource", "request"),
        ("request", "ifNoneExist"),
        ("parameter", "valueUri"),
        ("parameter", "valueUrl"),
        ("part", "valueUri"),
        ("part", "valueUrl"),
    }
)
#: Names of parameters in Parameters whose URI is a name.
_NAMED_URIS = frozenset(
    {"url", "system", "identifier", "profile", "source", "target", "codeSystem", "valueSet"}
)

#: Fields that hold a server URL only in some objects.
_AMBIGUOUS_FIELDS = frozenset(name for _, name in _BUNDLE_FIELDS)
#: End of a name that has letters escaped without need.
_ESCAPED_NAME = re.compile(rb'\\u00[0-9A-Fa-f]{2}\w*+"\s*+:')
#: Bytes that are searched at once.
_PIECE = 65_536
_REST_OF_NAME = re.compile(rb'[\w\s":]*+')
#: What follows the quote that begins a JSON string.
_STRING_REST = re.compile(rb'[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)

#: Levels of objects and arrays around a URL: each is decoded, so the work grows with their number.
_MAX_DEPTH = 128

#: (URL, name of its field) -> URL to write, or the same object.
UrlMapper = Callable[[str, str], str]
#: Byte strings; a URL to change contains at least one of them. Each occurs inside strings only.
Needles = tuple[bytes, ...]
#: (name of the object, name of the field)
Fields = frozenset[tuple[str, str]]
_NO_FIELDS: Fields = frozenset()
#: Of root-relative URLs, also with a backslash, and of characters that are escaped without need.
_HOSTLESS_NEEDLES = (b'"/', rb'"\/', rb'"\\', rb"\u00")
#: Of every URL.
_ANY_URL_NEEDLES = (b"/", rb"\u00")


def url_needles(body: bytes, host: str) -> Needles:
    """Needles of the URLs on a host in lower case, as the body spells it, and of root-relative URLs."""
    needle = host.encode()
    is_spelt_otherwise = body.lower().count(needle) > body.count(needle)
    return _ANY_URL_NEEDLES if is_spelt_otherwise else (needle, *_HOSTLESS_NEEDLES)


def rewrite_server_urls(
    value: Raw, needles: Needles, change: UrlMapper, name: str = "", more_fields: Fields = _NO_FIELDS
) -> Raw:
    """Return the value with its server URLs changed; the same object if unchanged. Raises UnreadableError.

    `name` is the field name of the value. `more_fields` hold URLs, too. The other parts, and a signed Bundle,
    keep their bytes.
    """
    body = bytes(value)
    present = tuple(filter(body.__contains__, needles))
    if not present:
        return value
    ambiguous = _AMBIGUOUS_FIELDS.union(field for _, field in more_fields)
    new = None if b'"signature"' in body else _rewrite_without_decoding(body, present, change, ambiguous)
    if new is None:
        return _UrlRewriter(needles, change, more_fields).rewrite_value(value, name)
    return value if new == body else Raw(new)


def is_server_url_field(parent: str, name: str, more_fields: Fields = _NO_FIELDS) -> bool:
    """Whether the field `name` of an object named `parent` holds a URL of the server."""
    is_attachment = name == "url" and (parent in _ATTACHMENT_ELEMENTS or parent.endswith("Attachment"))
    field = (parent, name)
    return name in _URL_FIELDS or is_attachment or field in _BUNDLE_FIELDS or field in more_fields


def _rewrite_without_decoding(
    body: bytes, needles: Needles, change: UrlMapper, ambiguous_fields: frozenset[str]
) -> bytes | None:
    """Change the URLs of the JSON without decoding it; None if the meaning of a URL's field is unclear.

    Raises UnreadableError if it ends inside a string.

    A quote behind a backslash is inside a string; every other quote in front of a name and a colon opens it.
    """
    pieces = _pieces(body)
    if rb"\u00" in body and any(_ESCAPED_NAME.search(body, start, end) for start, end in pieces):
        return None
    pattern, parts, done, known = (
        _fields_pattern(ambiguous_fields),
        list[bytes](),
        0,
        dict[tuple[bytes, bytes], bytes](),
    )
    for match in chain.from_iterable(pattern.finditer(body, start, end) for start, end in pieces):
        start = match.end() - 1
        end = _end_of_string(body, start)
        text = body[start:end]
        if not _contains_any(text, needles):
            continue
        field = match[1].decode()
        if field in ambiguous_fields:
            return None
        key = match[1], text
        if key not in known:
            known[key] = _rewrite_string(text, field, needles, change)
        if known[key] != text:
            parts += [body[done:start], known[key]]
            done = end
    return b"".join((*parts, body[done:]))


def _pieces(body: bytes) -> list[tuple[int, int]]:
    """Return where pieces of JSON begin and end: other threads run between the searches in them.

    None ends inside a name, or between it and its value.
    """
    ends = [0]
    while ends[-1] + _PIECE < len(body):
        rest = _REST_OF_NAME.match(body, ends[-1] + _PIECE)
        ends.append(rest.end() if rest else len(body))
    return [*pairwise([*ends, len(body)])]


@lru_cache(maxsize=64)
def _fields_pattern(ambiguous_fields: frozenset[str]) -> re.Pattern[bytes]:
    """Names of fields that may hold a URL, up to the quote that begins a value; `"` first is fast to find."""
    names = "|".join(map(re.escape, sorted(_URL_FIELDS | ambiguous_fields)))
    return re.compile(rb'"(?<!\\")(%b)"\s*+:\s*+"' % names.encode())


def _end_of_string(body: bytes, start: int) -> int:
    """Offset behind the JSON string that begins at `start`. Raises UnreadableError if it does not end."""
    match = _STRING_REST.match(body, start + 1)
    if match is None:
        raise UnreadableError("UnterminatedString")
    return match.end()


def _contains_any(body: bytes, needles: Needles) -> bool:
    return any(needle in body for needle in needles)


def _rewrite_string(text: bytes, name: str, needles: Needles, change: UrlMapper) -> bytes:
    """Return the JSON string with its URL changed; the same bytes if it has no such URL."""
    old = string_value(Raw(text)) if _contains_any(text, needles) else ""
    new = change(old, name) if old else old
    return text if new == old else bytes(string_json(new))


class _UrlRewriter:
    """Decodes, level by level, only the objects and arrays that contain a needle; other values stay raw."""

    def __init__(self, needles: Needles, change: UrlMapper, more_fields: Fields) -> None:
        self._needles = needles
        self._change = change
        self._more_fields = more_fields

    def rewrite_value(self, value: Raw, name: str, depth: int = 0) -> Raw:
        """Return the value with its URLs changed; the same object if unchanged. Raises UnreadableError."""
        body = bytes(value)
        if not _contains_any(body, self._needles):
            return value
        if depth > _MAX_DEPTH:
            raise UnreadableError("TooDeep")
        kind = body.lstrip()[:1]
        if kind == b"{":
            return self._rewrite_object(value, name, depth + 1)
        return self._rewrite_array(value, name, depth + 1) if kind == b"[" else value

    def _rewrite_object(self, value: Raw, name: str, depth: int) -> Raw:
        old = object_fields(value)
        if "signature" in old and string_value(old.get("resourceType")) == "Bundle":
            return value
        if name in {"parameter", "part"} and string_value(old.get("name")) in _NAMED_URIS:
            name = ""
        new = {field: self._rewrite_field(name, field, raw, depth) for field, raw in old.items()}
        return encode(new) if any(new[field] is not old[field] for field in old) else value

    def _rewrite_array(self, value: Raw, name: str, depth: int) -> Raw:
        old = array_items(value)
        new = [self.rewrite_value(item, name, depth) for item in old]
        return encode(new) if any(a is not b for a, b in zip(new, old, strict=True)) else value

    def _rewrite_field(self, parent: str, name: str, raw: Raw, depth: int) -> Raw:
        if not is_server_url_field(parent, name, self._more_fields) or not string_value(raw):
            return self.rewrite_value(raw, name, depth)
        text = bytes(raw)
        new = _rewrite_string(text, name, self._needles, self._change)
        return raw if new == text else Raw(new)
