"""Decoder of large Bundles in chunks, so that the event loop can serve other requests between them.

The decoder guesses a cut between two entries and verifies it by parsing the chunk. JSON has only one reading
from left to right: if a chunk is a list of complete values, its cuts are between entries.
"""

import re
from collections.abc import Generator, Iterator
from itertools import chain, islice

from msgspec import Raw

from gateway.fhir.raw_json import (
    UnreadableError,
    array_items,
    array_objects,
    string_value,
    utf8_object_fields,
)

#: Approximate bytes of entries in a chunk; decoding them takes about a millisecond.
CHUNK_BYTES = 64_000

_ENTRY_ARRAY = re.compile(rb'"entry"\s*:\s*\[')
_FIRST_KEY = re.compile(rb'\s*\{\s*("\w+")')
_ENTRY_BOUNDARY = re.compile(rb"\}(\s*,\s*)\{\s*\Z")
_ANY_BOUNDARY = re.compile(rb"\}(\s{0,200},\s{0,200})\{")
#: Maximum bytes between two entries. A longer gap is not recognised as a cut.
_MAX_WHITESPACE = 200
#: Maximum guesses per chunk; then the rest of the Bundle is decoded at once.
_MAX_ATTEMPTS = 8

Entries = list[dict[str, Raw]]
BundleChunks = Generator[Entries, None, dict[str, Raw]]


def split_bundle(body: bytes) -> BundleChunks:
    """Yield the decoded entries of a Bundle in chunks; return its top-level fields.

    The entries of some small Bundles, and any other resource, stay in the fields. Raises UnreadableError.
    """
    start = _ENTRY_ARRAY.search(body)
    head = _fields_before_entries(body, start.end()) if start else None
    if start is None or head is None:
        return (yield from _split_fields(utf8_object_fields(body)))
    if len(body) <= CHUNK_BYTES:
        entries = _last_entries(body, start.end() - 1) if "signature" not in head else None
        if not entries:
            return utf8_object_fields(body)
        yield entries
        return head
    rest = yield from _entry_chunks(body, start.end())
    tail = utf8_object_fields(b'{"entry":[' + body[rest:])
    yield array_objects(tail.pop("entry"))
    if not head.keys().isdisjoint(tail):
        raise UnreadableError("DuplicateKey")
    return head | tail


def _split_fields(fields: dict[str, Raw]) -> BundleChunks:
    """Yield the entries of a large Bundle whose `entry` could not be found before all fields were decoded."""
    array = bytes(fields.get("entry", b""))
    is_bundle = string_value(fields.get("resourceType")) == "Bundle" and array.startswith(b"[")
    if not is_bundle or len(array) <= CHUNK_BYTES or "signature" in fields:
        return fields
    rest = yield from _entry_chunks(array, 1)
    yield array_objects(Raw(b"[" + array[rest:]))
    return fields | {"entry": Raw(b"[]")}


def _fields_before_entries(body: bytes, end: int) -> dict[str, Raw] | None:
    """Fields before `end` and an empty `entry`; None if a Bundle's entries do not start there."""
    try:
        fields = utf8_object_fields(body[:end] + b"]}")
    except UnreadableError:
        return None
    is_bundle = string_value(fields.get("resourceType")) == "Bundle" and list(fields)[-1] == "entry"
    return fields if is_bundle and bytes(fields["entry"]) == b"[]" else None


def _last_entries(body: bytes, start: int) -> Entries | None:
    """Entries of the array that begins at `start` and ends the Bundle; None if it is not the last field."""
    end = len(body) - 1
    return _parse_array(body[start:end]) if body.endswith(b"]}") else None


def _entry_chunks(body: bytes, start: int) -> Generator[Entries, None, int]:
    """Yield chunks of entries; return the offset of the rest, which is not split."""
    key = _FIRST_KEY.match(body, start)
    while chunk := next(
        chain(_find_cut(body, start, key[1]) if key else (), _find_any_cut(body, start)), None
    ):
        entries, start = chunk
        yield entries
    return start


def _find_cut(body: bytes, start: int, key: bytes) -> Iterator[tuple[Entries, int]]:
    """Yield the entries up to each valid cut, and the offset of the next entry."""
    after_quote = start + CHUNK_BYTES
    for _ in range(_MAX_ATTEMPTS):
        after_quote = body.find(key, after_quote) + 1
        if not after_quote:
            return
        boundary = _ENTRY_BOUNDARY.search(body, max(start, after_quote - _MAX_WHITESPACE), after_quote - 1)
        entries = _parse_chunk(body[start : boundary.start() + 1]) if boundary else None
        if boundary and entries is not None:
            yield entries, boundary.end(1)


def _find_any_cut(body: bytes, start: int) -> Iterator[tuple[Entries, int]]:
    """Yield cuts as `_find_cut` does, for entries without a common first key."""
    first = start + CHUNK_BYTES
    for boundary in islice(_ANY_BOUNDARY.finditer(body, first, first + CHUNK_BYTES), _MAX_ATTEMPTS):
        entries = _parse_chunk(body[start : boundary.start() + 1])
        if entries is not None:
            yield entries, boundary.end(1)


def _parse_chunk(chunk: bytes) -> Entries | None:
    """Entries of a chunk; None if a cut is wrong. Raises UnreadableError if an entry is not an object."""
    return _parse_array(b"[" + chunk + b"]")


def _parse_array(array: bytes) -> Entries | None:
    """Objects of an array; None if the text is no array. Raises UnreadableError if an item is no object."""
    raw = Raw(array)
    try:
        array.decode()
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
