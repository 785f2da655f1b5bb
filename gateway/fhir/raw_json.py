"""Whether a JSON object gives a name twice, found out without a second decoding where it does not."""

import json
from collections.abc import Mapping

import msgspec
from msgspec import Raw

_fields = msgspec.json.Decoder(dict[str, Raw])


def repeats(body: bytes | Raw, fields: Mapping[str, Raw]) -> bool:
    """Whether an object has more names than its decoded fields. Raises msgspec.DecodeError, RecursionError.

    Without white space the fields account for every byte unless one was dropped.
    """
    if _size(fields) == len(memoryview(body)):
        return False
    packed = msgspec.json.format(bytes(body), indent=-1)
    return _size(_fields.decode(packed)) != len(packed) and _counted(packed) != len(fields)


def _size(fields: Mapping[str, Raw]) -> int:
    """Bytes of an object with these fields, without white space: `"name":value,` for each, and the braces."""
    size = 1
    for name, raw in fields.items():
        size += len(name) + 4 + memoryview(raw).nbytes
    return size if fields else 2


def _counted(packed: bytes) -> int:
    """The number of names at the top, for objects with escaped or non-ASCII names."""
    sizes: list[int] = []
    json.loads(
        packed, object_pairs_hook=lambda pairs: sizes.append(len(pairs)), parse_int=str, parse_float=str
    )
    return sizes[-1]


_fields = msgspec.json.Decoder(dict[str, Raw])
_list = msgspec.json.Decoder(list[Raw])
_objects = msgspec.json.Decoder(list[dict[str, Raw]])
_text = msgspec.json.Decoder(str)
_encode = msgspec.json.Encoder().encode


class UnreadableError(ValueError):
    """The body is not one JSON object in UTF-8, or names a field twice where the gateway must look."""


def whole(body: bytes) -> dict[str, Raw]:
    """The top-level fields of a whole body; raises UnreadableError when any of it is not UTF-8."""
    try:
        body.decode()
    except UnicodeDecodeError as problem:
        raise UnreadableError(type(problem).__name__) from problem
    return opened(body)


def opened(body: bytes | Raw) -> dict[str, Raw]:
    """The top-level fields of a JSON object, each as its raw bytes; raises UnreadableError.

    A name given twice is refused (R4 json.html: names are unique): keeping one value would lose the other.
    """
    try:
        fields = _fields.decode(body)
        repeated = repeats(body, fields)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
        raise UnreadableError(type(problem).__name__) from problem
    if repeated:
        raise UnreadableError("DuplicateName")
    return fields


def items(raw: Raw | None) -> list[Raw]:
    """The values of a raw JSON array; none when it is absent. Raises UnreadableError."""
    try:
        return _list.decode(raw) if raw is not None else []
    except (msgspec.DecodeError, RecursionError) as problem:
        raise UnreadableError(type(problem).__name__) from problem


def objects(raw: Raw | None) -> list[dict[str, Raw]]:
    """The objects of a raw JSON array, each as `opened` gives it; none when it is absent.

    Raises UnreadableError. Written again they are as long as what came, unless that had white space or a
    name twice.
    """
    try:
        found = _objects.decode(raw) if raw is not None else []
    except (msgspec.DecodeError, RecursionError) as problem:
        raise UnreadableError(type(problem).__name__) from problem
    if raw is None or len(_encode(found)) == len(memoryview(raw)):
        return found
    return [opened(each) for each in items(raw)]


def string(raw: Raw | None) -> str:
    """A raw JSON value as text; an empty string when it is absent or no string."""
    try:
        return _text.decode(raw) if raw is not None else ""
    except msgspec.DecodeError:
        return ""


def quoted(text: str) -> Raw:
    """The text as a raw JSON string."""
    return Raw(_encode(text))


def escaped(text: str) -> bytes:
    """The text as it stands between the quotes of a JSON string."""
    return _encode(text)[1:-1]


def encoded(value: Mapping[str, Raw] | list[Raw]) -> Raw:
    """An object or array of raw values as one raw value."""
    return Raw(_encode(value))
