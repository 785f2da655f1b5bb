"""Invariants of R4 that are cheap to check, for single elements by type."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

#: Types of Bundles with requests; a tuple, because `in` must accept values of any JSON type.
BATCH_OR_TRANSACTION = ("batch", "transaction")
_Value = Mapping[str, Any]
#: Path below the element, and the error message.
Violations = Iterator[tuple[str, str]]


def _check_extension(extension: _Value) -> Violations:
    """ext-1: either extensions or a value."""
    has_value = any(name.removeprefix("_").startswith("value") for name in extension)
    if has_value == ("extension" in extension):
        yield "", "has neither a value nor extensions, or both: write one of them (ext-1)"


def _check_bundle(bundle: _Value) -> Violations:
    """bdl-3 for batches and transactions."""
    if bundle.get("type") in BATCH_OR_TRANSACTION:
        for index, entry in enumerate(_list_or_empty(bundle.get("entry"))):
            if isinstance(entry, dict) and "request" not in entry:
                yield f".entry[{index}].request", "is missing: each entry of this Bundle needs it (bdl-3)"


def _check_contained(resource: _Value) -> Violations:
    """dom-2: one level of contained resources."""
    for index, contained in enumerate(_list_or_empty(resource.get("contained"))):
        if isinstance(contained, dict) and "contained" in contained:
            yield f".contained[{index}].contained", "is not allowed inside a contained resource (dom-2)"


def _list_or_empty(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


_CHECKS_BY_TYPE: dict[str, Callable[[_Value], Violations]] = {
    "Extension": _check_extension,
    "Bundle": _check_bundle,
}


def invariant_violations(type_: str, value: _Value) -> Violations:
    """Violated invariants of an element of this type."""
    yield from _CHECKS_BY_TYPE.get(type_, _check_contained)(value)
