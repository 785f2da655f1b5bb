"""Rules of R4 beyond structure that are certain and cheap: invariants of single elements, by their type."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

#: Types of Bundles that say what to do; a tuple, because any JSON may be looked for in it.
BATCH_OR_TRANSACTION = ("batch", "transaction")
_Value = Mapping[str, Any]
#: Path below the element, and what is wrong there.
Violations = Iterator[tuple[str, str]]


def _check_extension(extension: _Value) -> Violations:
    """ext-1: extensions or a value, not both, not neither."""
    valued = any(name.removeprefix("_").startswith("value") for name in extension)
    if valued == ("extension" in extension):
        yield "", "holds neither a value nor extensions, or both: write one of them (ext-1)"


def _check_bundle(bundle: _Value) -> Violations:
    """bdl-3 for what is to be carried out."""
    if bundle.get("type") in BATCH_OR_TRANSACTION:
        for index, entry in enumerate(_list_or_empty(bundle.get("entry"))):
            if isinstance(entry, dict) and "request" not in entry:
                yield f".entry[{index}].request", "is missing: each entry of such a Bundle needs one (bdl-3)"


def _check_contained(resource: _Value) -> Violations:
    """dom-2: one level of contained resources."""
    for index, each in enumerate(_list_or_empty(resource.get("contained"))):
        if isinstance(each, dict) and "contained" in each:
            yield f".contained[{index}].contained", "is not allowed inside a contained resource (dom-2)"


def _list_or_empty(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


_CHECKS_BY_TYPE: dict[str, Callable[[_Value], Violations]] = {
    "Extension": _check_extension,
    "Bundle": _check_bundle,
}


def invariant_violations(type_: str, value: _Value) -> Violations:
    """What an element of this type breaks."""
    yield from _CHECKS_BY_TYPE.get(type_, _check_contained)(value)
