"""JSON objects and arrays decoded by a single level: values keep their bytes, repeated names are rejected."""

import json
import re
from codecs import BOM_UTF8
from collections.abc import Callable, Iterator, Mapping
from itertools import accumulate
from typing import Any, TypeVar

import msgspec
from msgspec import Raw

_fields_decoder = msgspec.json.Decoder(dict[str, Raw])
_list_decoder: msgspec.json.Decoder[list[Raw] | None] = msgspec.json.Decoder(list[Raw] | None)
_objects_decoder: msgspec.json.Decoder[list[dict[str, Raw]] | None] = msgspec.json.Decoder(
    list[dict[str, Raw]] | None
)
_resource_decoder = msgspec.json.Decoder(dict[str, Any])
_text_decoder = msgspec.json.Decoder(str)
#: Mappings that are no dict, such as read-only ones, are encoded as dicts.
_encode = msgspec.json.Encoder(enc_hook=dict).encode
#: Brackets as signed bytes: 1 opens an object or array, -1 closes it.
_BRACKET_STEPS = bytes.maketrans(b"{[}]", b"\x01\x01\xff\xff")
#: Escapes of UTF-16 pairs in a row, or of a lone surrogate, which is the group, behind an odd number of
#: backslashes. It begins with one byte, so that text without backslashes is skipped at the speed of memchr.
_SURROGATES = re.compile(
    rb"\\(?<!\\\\)(?:\\\\)*+(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    rb"(?:\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})*+|(u[dD][89a-fA-F][0-9a-fA-F]{2}))"
)
#: Searched before, because it is the fastest to find.
_SURROGATE_START = re.compile(rb"\\u[dD]")
_PIECE = 65_536
_T = TypeVar("_T")
_NOT_MARKS = bytes(set(range(256)).difference(b'{[}]"'))


def has_repeated_names(body: bytes | Raw, fields: Mapping[str, Raw]) -> bool:
    """Whether the object has more names than its decoded fields. Raises msgspec.DecodeError, RecursionError.

    In JSON without white space, the fields account for every byte unless the decoder has dropped a field.
    """
    if _compact_size(fields) == len(memoryview(body)):
        return False
    compact = msgspec.json.format(bytes(body), indent=-1)
    if _compact_size(_fields_decoder.decode(compact)) == len(compact):
        return False
    return _count_names(compact) != len(fields)


def _compact_size(fields: Mapping[str, Raw]) -> int:
    """Size of the object in bytes without white space: `"name":value,` per field, and the braces."""
    size = 1
    for name, raw in fields.items():
        size += len(name) + 4 + memoryview(raw).nbytes
    return size if fields else 2


def _count_names(compact_json: bytes) -> int:
    """Count the names at the top level, also escaped or non-ASCII ones."""
    sizes: list[int] = []
    json.loads(
        compact_json, object_pairs_hook=lambda pairs: sizes.append(len(pairs)), parse_int=str, parse_float=str
    )
    return sizes[-1]


class UnreadableError(ValueError):
    """The body is not a JSON object in UTF-8, or an object that the gateway decodes repeats a name."""


def utf8_object_fields(body: bytes) -> dict[str, Raw]:
    """Top-level fields of a body. Raises UnreadableError also if any part of it is not UTF-8."""
    require_utf8(body)
    return object_fields(body)


def require_utf8(body: bytes) -> None:
    """Raise UnreadableError for a body of which a part is not UTF-8."""
    try:
        body.decode()
    except UnicodeDecodeError as problem:
        raise UnreadableError(type(problem).__name__) from problem


def object_fields(body: bytes | Raw) -> dict[str, Raw]:
    """Top-level fields of a JSON object as raw bytes. Raises UnreadableError.

    A repeated name is rejected (R4 json.html: names are unique), because decoding would lose a value.
    """
    try:
        fields = _fields_decoder.decode(body)
        repeated = has_repeated_names(body, fields)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
        raise UnreadableError(type(problem).__name__) from problem
    if repeated:
        raise UnreadableError("DuplicateName")
    return fields


def decode_resource(raw: bytes | Raw) -> dict[str, Any]:
    """Whole object as Python values; a number that no float can hold is infinity. Raises UnreadableError."""
    try:
        return _decode_any_numbers(raw)
    except (ValueError, RecursionError) as problem:
        raise UnreadableError(type(problem).__name__) from problem


def _decode_any_numbers(raw: bytes | Raw) -> dict[str, Any]:
    try:
        return _resource_decoder.decode(raw)
    except msgspec.ValidationError:
        value = json.loads(bytes(raw))
    if not isinstance(value, dict):
        raise UnreadableError("NoObject")
    return value


def has_surrogates(body: bytes) -> bool:
    """Whether JSON may contain an escaped half of a UTF-16 pair; most has no backslash at all."""
    if b"\\" not in body:
        return False
    starts = range(0, len(body), _PIECE)
    return any(_SURROGATE_START.search(body, start, start + _PIECE + 2) for start in starts)


def contains(body: bytes, word: bytes) -> bool:
    """Whether a body contains a word; other threads run between its pieces.

    A search from the end takes half the time of one from the start.
    """
    if len(body) <= _PIECE:
        return body.rfind(word) >= 0
    ends = range(_PIECE, len(body) + _PIECE, _PIECE)
    return any(body.rfind(word, end - _PIECE, end + len(word) - 1) >= 0 for end in ends)


def without_lone_surrogates(body: bytes) -> bytes:
    """Return JSON in which U+FFFD replaces each escaped half of a UTF-16 pair, which is no character.

    Such a half in one string would make the whole text unreadable (RFC 8259 section 8.2).
    """
    if not has_surrogates(body):
        return body
    return b"".join(_SURROGATES.sub(_without_lone_surrogate, piece) for piece in string_pieces(body))


def _without_lone_surrogate(escape: re.Match[bytes]) -> bytes:
    return escape[0][: -len(escape[1])] + b"ufffd" if escape[1] else escape[0]


def string_pieces(body: bytes) -> Iterator[bytes]:
    """Yield pieces of JSON that end behind a quote: no escape is cut, and other threads run in between."""
    start = 0
    while start < len(body):
        end = body.find(b'"', start + _PIECE) + 1 or len(body)
        yield body[start:end]
        start = end


def readable_json(body: bytes) -> bytes:
    """Return JSON without a byte order mark and lone surrogates: either would make all of it unreadable."""
    return without_lone_surrogates(body.removeprefix(BOM_UTF8))


def decode_readable(body: bytes, decode: Callable[[bytes], _T]) -> _T:
    """Return what `decode` makes of JSON that the client gets as it is, or else of its readable form.

    Raises what `decode` raises.
    """
    try:
        return decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        readable = readable_json(body)
        if readable is body:
            raise
        return decode(readable)


def json_depth(body: bytes) -> int:
    """Maximum number of open objects and arrays of a JSON text."""
    steps = _brackets(body).translate(_BRACKET_STEPS)
    return max(accumulate(memoryview(steps).cast("b")), default=0)


def _brackets(body: bytes) -> bytes:
    """Brackets of a JSON text outside its strings.

    Two quotes in a row say nothing about what follows them, so that most strings vanish before the split.
    """
    if b"\\" in body:
        body = body.replace(rb"\\", b"").replace(rb"\"", b"")
    marks = body.translate(None, _NOT_MARKS).replace(b'""', b"")
    return b"".join(marks.split(b'"')[::2])


def array_items(raw: Raw | None) -> list[Raw]:
    """Values of a raw JSON array; empty if it is absent or null. Raises UnreadableError."""
    try:
        return (_list_decoder.decode(raw) or []) if raw is not None else []
    except (msgspec.DecodeError, RecursionError) as problem:
        raise UnreadableError(type(problem).__name__) from problem


def array_objects(raw: Raw | None) -> list[dict[str, Raw]]:
    """Objects of a raw JSON array, each as from `object_fields`; empty if it is absent or null.

    Raises UnreadableError. The encoded objects are as long as the array unless it has white space or repeated
    names.
    """
    try:
        objects = _objects_decoder.decode(raw) if raw is not None else None
    except (msgspec.DecodeError, RecursionError) as problem:
        raise UnreadableError(type(problem).__name__) from problem
    if raw is None or objects is None:
        return []
    if len(_encode(objects)) == len(memoryview(raw)):
        return objects
    return [object_fields(item) for item in array_items(raw)]


def encoded_size(objects: list[dict[str, Raw]]) -> int:
    """Size in bytes of objects as a JSON array without white space between their fields."""
    return len(_encode(objects))


def string_value(raw: Raw | None) -> str:
    """Text of a raw JSON string; empty if it is absent or not a string."""
    try:
        return _text_decoder.decode(raw) if raw is not None else ""
    except msgspec.DecodeError:
        return ""


def string_json(text: str) -> Raw:
    """Text as a raw JSON string."""
    return Raw(_encode(text))


def string_json_content(text: str) -> bytes:
    """Text as a JSON string without its quotes."""
    return _encode(text)[1:-1]


def encode(value: Mapping[str, Raw] | list[Raw]) -> Raw:
    """Object or array of raw values as a raw value."""
    return Raw(_encode(value))
