"""Whether a JSON object gives a name twice, found out without a second decoding where it does not."""

import json
from collections.abc import Mapping

import msgspec
from msgspec import Raw

_fields_decoder = msgspec.json.Decoder(dict[str, Raw])


def has_repeated_names(body: bytes | Raw, fields: Mapping[str, Raw]) -> bool:
    """Whether an object has more names than its decoded fields. Raises msgspec.DecodeError, RecursionError.

    Without white space the fields account for every byte unless one was dropped.
    """
    if _compact_size(fields) == len(memoryview(body)):
        return False
    packed = msgspec.json.format(bytes(body), indent=-1)
    return _compact_size(_fields_decoder.decode(packed)) != len(packed) and _count_names(packed) != len(
        fields
    )


def _compact_size(fields: Mapping[str, Raw]) -> int:
    """Bytes of an object with these fields, without white space: `"name":value,` for each, and the braces."""
    size = 1
    for name, raw in fields.items():
        size += len(name) + 4 + memoryview(raw).nbytes
    return size if fields else 2


def _count_names(compact_json: bytes) -> int:
    """The number of names at the top, for objects with escaped or non-ASCII names."""
    sizes: list[int] = []
    json.loads(
        compact_json, object_pairs_hook=lambda pairs: sizes.append(len(pairs)), parse_int=str, parse_float=str
    )
    return sizes[-1]


_fields_decoder = msgspec.json.Decoder(dict[str, Raw])
_list_decoder = msgspec.json.Decoder(list[Raw])
_objects_decoder = msgspec.json.Decoder(list[dict[str, Raw]])
_text_decoder = msgspec.json.Decoder(str)
_encode = msgspec.json.Encoder().encode


class UnreadableError(ValueError):
    """The body is not one JSON object in UTF-8, or names a field twice where the gateway must look."""


def utf8_object_fields(body: bytes) -> dict[str, Raw]:
    """The top-level fields of a whole body; raises UnreadableError when any of it is not UTF-8."""
    try:
        body.decode()
    except UnicodeDecodeError as problem:
        raise UnreadableError(type(problem).__name__) from problem
    return object_fields(body)


def object_fields(body: bytes | Raw) -> dict[str, Raw]:
    """The top-level fields of a JSON object, each as its raw bytes; raises UnreadableError.

    A name given twice is refused (R4 json.html: names are unique): keeping one value would lose the other.
    """
    try:
        fields = _fields_decoder.decode(body)
        repeated = has_repeated_names(body, fields)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
        raise UnreadableError(type(problem).__name__) from problem
    if repeated:
        raise UnreadableError("DuplicateName")
    return fields


def array_items(raw: Raw | None) -> list[Raw]:
    """The values of a raw JSON array; none when it is absent. Raises UnreadableError."""
    try:
        return _list_decoder.decode(raw) if raw is not None else []
    except (msgspec.DecodeError, RecursionError) as problem:
        raise UnreadableError(type(problem).__name__) from problem


def array_objects(raw: Raw | None) -> list[dict[str, Raw]]:
    """The objects of a raw JSON array, each as `opened` gives it; none when it is absent.

    Raises UnreadableError. Written again they are as long as what came, unless that had white space or a
    name twice.
    """
    try:
        found = _objects_decoder.decode(raw) if raw is not None else []
    except (msgspec.DecodeError, RecursionError) as problem:
        raise UnreadableError(type(problem).__name__) from problem
    if raw is None or len(_encode(found)) == len(memoryview(raw)):
        return found
    return [object_fields(each) for each in array_items(raw)]


def string_value(raw: Raw | None) -> str:
    """A raw JSON value as text; an empty string when it is absent or no string."""
    try:
        return _text_decoder.decode(raw) if raw is not None else ""
    except msgspec.DecodeError:
        return ""


def string_json(text: str) -> Raw:
    """The text as a raw JSON string."""
    return Raw(_encode(text))


def string_json_content(text: str) -> bytes:
    """The text as it stands between the quotes of a JSON string."""
    return _encode(text)[1:-1]


def encode(value: Mapping[str, Raw] | list[Raw]) -> Raw:
    """An object or array of raw values as one raw value."""
    return Raw(_encode(value))
