"""Dates that a practice has recorded without a time, a day or a month."""

from collections.abc import Mapping
from typing import Any, Final
from zlib import crc32

from gateway.emulator.data.records import Resource
from gateway.emulator.settings import StoredPrecision

_LENGTHS: Final = {"year": (4,), "month": (7,), "day": (10,), "mixed": (4, 7, 10, None, None)}


def with_stored_precision(resource: Resource, precisions: Mapping[str, StoredPrecision]) -> Resource:
    """Return the resource with the elements named `Type.element` cut; both ends of a Period alike.

    `mixed` chooses by the id, so that two rows in five keep their time.
    """
    prefix = f"{resource['resourceType']}."
    names = {name.removeprefix(prefix): name for name in precisions if name.startswith(prefix)}
    cut = {
        element: _cut(resource[element], _length(precisions[name], f"{name}/{resource['id']}"))
        for element, name in names.items()
        if element in resource
    }
    return {**resource, **cut} if cut else resource


def _length(precision: StoredPrecision, row: str) -> int | None:
    lengths = _LENGTHS[precision]
    return lengths[crc32(row.encode()) % len(lengths)]


def _cut(value: Any, length: int | None) -> Any:
    if isinstance(value, dict):
        return {name: _cut(child, length) for name, child in value.items()}
    return value[:length]
