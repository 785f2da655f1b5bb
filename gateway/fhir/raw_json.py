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
