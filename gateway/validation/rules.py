"""Rules of R4 beyond structure that are certain and cheap: invariants of single elements, by their type."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

#: Types of Bundles that say what to do; a tuple, because any JSON may be looked for in it.
CARRIED_OUT = ("batch", "transaction")
_Value = Mapping[str, Any]
#: Path below the element, and what is wrong there.
Broken = Iterator[tuple[str, str]]


def _extension(extension: _Value) -> Broken:
    """ext-1: extensions or a value, not both, not neither."""
    valued = any(name.removeprefix("_").startswith("value") for name in extension)
    if valued == ("extension" in extension):
        yield "", "holds neither a value nor extensions, or both: write one of them (ext-1)"


def _bundle(bundle: _Value) -> Broken:
    """bdl-3 for what is to be carried out."""
    if bundle.get("type") in CARRIED_OUT:
        for index, entry in enumerate(_list(bundle.get("entry"))):
            if isinstance(entry, dict) and "request" not in entry:
                yield f".entry[{index}].request", "is missing: each entry of such a Bundle needs one (bdl-3)"


def _contained(resource: _Value) -> Broken:
    """dom-2: one level of contained resources."""
    for index, each in enumerate(_list(resource.get("contained"))):
        if isinstance(each, dict) and "contained" in each:
            yield f".contained[{index}].contained", "is not allowed inside a contained resource (dom-2)"


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


_BY_TYPE: dict[str, Callable[[_Value], Broken]] = {"Extension": _extension, "Bundle": _bundle}


def broken(type_: str, value: _Value) -> Broken:
    """What an element of this type breaks."""
    yield from _BY_TYPE.get(type_, _contained)(value)
