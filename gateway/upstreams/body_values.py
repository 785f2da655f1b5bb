"""Values of a JSON body at the paths that rules name, such as `error.code`; only those that are something."""

from collections.abc import Iterable, Iterator

import msgspec
from msgspec import Raw

from gateway.fhir.raw_json import UnreadableError, object_fields

#: Steps of a path, and characters of a value, that are read.
MAX_PATH_STEPS = 8
MAX_VALUE_LENGTH = 200
#: Bytes of nothing with spaces in it.
_MAX_NOTHING = 100
#: Values that say that there is no error.
_NOTHING = frozenset({b"null", b"false", b"0", b"-0", b"0.0", b'""', b"[]", b"{}"})


def values_at_paths(body: bytes, paths: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """Return (path, text of its value) for the paths that lead to more than nothing in a body.

    Nothing: null, false, 0, an empty text, array or object. The text is that of the JSON value, of a text
    without its quotation marks, at most 200 characters. Objects on the way are decoded by one level, and no
    body that lacks a name of the path.
    """
    return tuple(_values(body, paths))


def _values(body: bytes, paths: Iterable[str]) -> Iterator[tuple[str, str]]:
    for path in paths:
        names = path.split(".")[:MAX_PATH_STEPS]
        if all(b'"%s"' % name.encode() in body for name in names):
            value = _value_at(body, names)
            if value is not None and not _is_nothing(value):
                yield path, _text_of(value)


def _is_nothing(value: bytes) -> bool:
    return len(value) <= _MAX_NOTHING and b"".join(value.split()) in _NOTHING


def _value_at(body: bytes, names: list[str]) -> bytes | None:
    """Return the JSON value behind these names without spaces around; None if there is none."""
    value: bytes | Raw = body
    try:
        for name in names:
            fields = object_fields(value)
            if name not in fields:
                return None
            value = fields[name]
    except UnreadableError:
        return None
    return bytes(value).strip()


def _text_of(value: bytes) -> str:
    text = msgspec.json.decode(value) if value.startswith(b'"') else value.decode("utf-8", "replace")
    return str(text)[:MAX_VALUE_LENGTH]
