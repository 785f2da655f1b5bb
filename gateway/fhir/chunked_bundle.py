"""A large Bundle taken apart in pieces, so that other requests get their turn between them.

A cut is guessed by its look and then proved: JSON can be read from left to right in one way only, so if what
stands between two cuts is a list of whole values, then the cuts are between entries.
"""

import re
from collections.abc import Generator, Iterator

from msgspec import Raw

from gateway.fhir.raw_json import (
    UnreadableError,
    array_items,
    array_objects,
    string_value,
    utf8_object_fields,
)

#: Bytes of entries in one piece: about a millisecond of work.
CHUNK_BYTES = 64_000

_ENTRY_ARRAY = re.compile(rb'"entry"\s*:\s*\[')
_FIRST_KEY = re.compile(rb'\s*\{\s*("\w+")')
_ENTRY_BOUNDARY = re.compile(rb"\}(\s*,\s*)\{\s*\Z")
#: How far white space may reach between two entries, and how many wrong guesses are made before giving up.
_MAX_WHITESPACE, _MAX_ATTEMPTS = 200, 8

Entries = list[dict[str, Raw]]
BundleChunks = Generator[Entries, None, dict[str, Raw]]


def split_bundle(body: bytes) -> BundleChunks:
    """A generator of the entries of a Bundle, opened, in pieces, that returns its top-level fields.

    The entries of a short Bundle, and anything that is no Bundle, stay in the fields. Raises UnreadableError.
    """
    start = _ENTRY_ARRAY.search(body) if len(body) > CHUNK_BYTES else None
    head = _fields_before_entries(body, start.end()) if start else None
    if start is None or head is None:
        return utf8_object_fields(body)
    rest = yield from _entry_chunks(body, start.end())
    tail = utf8_object_fields(b'{"entry":[' + body[rest:])
    yield array_objects(tail.pop("entry"))
    if not head.keys().isdisjoint(tail):
        raise UnreadableError("DuplicateKey")
    return head | tail


def _fields_before_entries(body: bytes, end: int) -> dict[str, Raw] | None:
    """The fields up to and with an empty `entry`; None when that is not where a Bundle's entries begin."""
    try:
        fields = utf8_object_fields(body[:end] + b"]}")
    except UnreadableError:
        return None
    bundle = string_value(fields.get("resourceType")) == "Bundle" and list(fields)[-1] == "entry"
    return fields if bundle and bytes(fields["entry"]) == b"[]" else None


def _entry_chunks(body: bytes, start: int) -> Generator[Entries, None, int]:
    """Pieces of the entries, and at last where the rest begins, which is not cut."""
    key = _FIRST_KEY.match(body, start)
    while key is not None:
        found = next(_find_cut(body, start, key[1]), None)
        if found is None:
            break
        entries, start = found
        yield entries
    return start


def _find_cut(body: bytes, start: int, key: bytes) -> Iterator[tuple[Entries, int]]:
    """The entries up to the first cut that is one, and where the next begin."""
    at = start + CHUNK_BYTES
    for _ in range(_MAX_ATTEMPTS):
        at = body.find(key, at) + 1
        between = _ENTRY_BOUNDARY.search(body, max(start, at - _MAX_WHITESPACE), at - 1) if at else None
        if not at:
            return
        entries = _parse_chunk(body[start : between.start() + 1]) if between else None
        if between and entries is not None:
            yield entries, between.end(1)


def _parse_chunk(chunk: bytes) -> Entries | None:
    """The entries of a piece, None where it is cut amiss. Raises UnreadableError for what is no entry."""
    raw = Raw(b"[" + chunk + b"]")
    try:
        chunk.decode()
        return array_objects(raw)
    except UnicodeDecodeError:
        return None
    except UnreadableError:
        if _is_array(raw):
            raise
        return None


def _is_array(raw: Raw) -> bool:
    try:
        array_items(raw)
    except UnreadableError:
        return False
    return True
