"""Registry of R4's date search parameters and the paths of their values, from a packaged table.

`date_parameters.json` lists, per resource type, the date parameters (path, element types, repetition), the
composites with a date part, the codes of all other parameters, and the targets of references;
tests/recipes/date_parameters.py generates it.
"""

import json
from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any, Final, Literal

import msgspec

_TABLE: Final[dict[str, dict[str, Any]]] = json.loads(
    files("gateway.dates").joinpath("date_parameters.json").read_bytes()
)
_DATES: Final = _TABLE["dates"]
_REFERENCES: Final = _TABLE["references"]
_NON_DATE_CODES: Final = _TABLE["others"]
_COMPOSITES: Final = _TABLE["composites"]
_BASE_TYPES: Final = ("Resource", "DomainResource")
_TYPES: Final = frozenset({*_DATES, *_REFERENCES})
#: Codes of date parameters and of composites with a date, of any type.
_DATE_CODES: Final = frozenset[str]().union(*_DATES.values(), *_COMPOSITES.values())

ElementKind = Literal["date", "instant", "dateTime", "range"]
Via = Literal["direct", "chain", "has"]
_SINGLE_TYPE_KINDS: Final[Mapping[tuple[str, ...], ElementKind]] = {
    ("date",): "date",
    ("instant",): "instant",
}


class DatePath(msgspec.Struct, frozen=True):
    """Element names from the resource to a value, and the FHIR type of the value."""

    steps: tuple[str, ...]
    type: str


class DateParameter(msgspec.Struct, frozen=True):
    """A search parameter of type date: its element types, whether it repeats, and the paths of its values.

    `kind` is `range` if the element may be a Period or Timing. The gateway cannot filter without `paths`.
    """

    resource: str
    code: str
    kind: ElementKind
    multi_valued: bool = False
    paths: tuple[DatePath, ...] = ()


class ResolvedParameter(msgspec.Struct, frozen=True):
    """Date parameters that a parameter name of a search resolves to.

    `parameters`: one per resource type in which the chain may end. `via`: how the name reaches them; matches
    contain only `direct` values. `multi_valued`: the chain or element may have several values. `composite`:
    index of the date part and number of parts. `ambiguous`: for some of the types the code is not a date.
    """

    parameters: tuple[DateParameter, ...]
    modifier: str = ""
    via: Via = "direct"
    multi_valued: bool = False
    composite: tuple[int, int] | None = None
    ambiguous: bool = False


DeclaredDates = Mapping[tuple[str, str], DateParameter]
_ChainEnd = tuple[frozenset[str], str, Via, bool]
NO_DECLARED_DATES: Final[DeclaredDates] = MappingProxyType({})


@lru_cache(maxsize=1024)
def date_parameter(resource: str, code: str) -> DateParameter | None:
    """Date parameter in the R4 registry, or `None`. `_lastUpdated` exists for every type."""
    row = _DATES.get("Resource" if code == "_lastUpdated" else resource, {}).get(code)
    if row is None:
        return None
    path, type_names, multi_valued = row
    types = type_names.split()
    paths = tuple(_date_path(path, type_) for type_ in types)
    return DateParameter(resource, code, _element_kind(types), bool(multi_valued), paths)


def parameter_codes() -> frozenset[str]:
    """Codes of all search parameters of R4, of all resource types."""
    tables = (_DATES, _COMPOSITES, _NON_DATE_CODES)
    return frozenset(code for table in tables for codes in table.values() for code in codes)


def is_registered(resource: str, code: str) -> bool:
    """Whether R4 defines a search parameter with that code for that type."""
    return any(
        code in table.get(base, ())
        for table in (_DATES, _NON_DATE_CODES)
        for base in (resource, *_BASE_TYPES)
    )


def declared_parameter(resource: str, code: str) -> DateParameter:
    """Date parameter that only a CapabilityStatement declares, so the paths of its values are unknown."""
    return DateParameter(resource, code, "range")


@lru_cache(maxsize=1024)
def reference_targets(resource: str, reference: str) -> tuple[frozenset[str], bool]:
    """Target types of a reference parameter, and whether it repeats; `subject:Patient` has a single type."""
    code, _, target = reference.partition(":")
    types, multi_valued = _REFERENCES.get(resource, {}).get(code, ("", 0))
    targets = frozenset(_TYPES if types == "*" else types.split())
    return targets & {target} if target else targets, bool(multi_valued)


def resolve_parameter(
    resource: str, name: str, extra: DeclaredDates = NO_DECLARED_DATES
) -> ResolvedParameter | None:
    """Date parameters of a parameter name; `None` if it does not end in a date.

    `name` is as received, with chain, `_has` and modifier (R4 search.html 3.1.1.5.5, 3.1.1.5.6); `extra` are
    the date parameters that the site's CapabilityStatement adds.
    """
    return (
        _resolve_chain_end(*_walk_chain(resource, name), extra)
        if extra
        else _resolve_registered(resource, name)
    )


@lru_cache(maxsize=1024)
def _resolve_registered(resource: str, name: str) -> ResolvedParameter | None:
    return _resolve_chain_end(*_walk_chain(resource, name), NO_DECLARED_DATES)


def _walk_chain(resource: str, name: str) -> _ChainEnd:
    """Types in which a chain ends, its last name, how the name is reached, and whether values may repeat."""
    types, multi_valued = frozenset({resource}), False
    via: Via = "direct"
    while True:
        if name.startswith("_has:") and name.count(":") > 2:  # noqa: PLR2004 - _has:type:reference:name
            _, type_, _, name = name.split(":", 3)
            types, via, multi_valued = frozenset({type_}), "has", True
        elif "." in name:
            reference, name = name.split(".", 1)
            steps = [reference_targets(type_, reference) for type_ in types]
            types = frozenset().union(*(targets for targets, _ in steps))
            multi_valued = multi_valued or any(repeats for _, repeats in steps)
            via = "chain" if via == "direct" else via
        else:
            return types, name, via, multi_valued


def _resolve_chain_end(
    types: frozenset[str], name: str, via: Via, multi_valued: bool, extra: DeclaredDates
) -> ResolvedParameter | None:
    code, _, modifier = name.partition(":")
    if code not in _DATE_CODES and not any(code == declared_code for _, declared_code in extra):
        return None
    candidates = [_find_parameter(type_, code, extra) for type_ in sorted(types)]
    parameters = tuple(parameter for parameter in candidates if parameter)
    if not parameters:
        return _resolve_composite(types, code, modifier, via)
    multi_valued = multi_valued or any(parameter.multi_valued for parameter in parameters)
    ambiguous = any(code in _NON_DATE_CODES.get(type_, ()) for type_ in types)
    return ResolvedParameter(parameters, modifier, via, multi_valued, None, ambiguous)


def _find_parameter(resource: str, code: str, extra: DeclaredDates) -> DateParameter | None:
    return date_parameter(resource, code) or extra.get((resource, code))


def _resolve_composite(types: frozenset[str], code: str, modifier: str, via: Via) -> ResolvedParameter | None:
    for type_ in sorted(types):
        index, part, count = _COMPOSITES.get(type_, {}).get(code, (0, "", 0))
        parameter = date_parameter(type_, part)
        if parameter:
            return ResolvedParameter((parameter,), modifier, via, parameter.multi_valued, (index, count))
    return None


def _element_kind(types: list[str]) -> ElementKind:
    if {"Period", "Timing"} & set(types):
        return "range"
    return _SINGLE_TYPE_KINDS.get(tuple(types), "dateTime")


def _date_path(path: str, kind: str) -> DatePath:
    """Path of a value: the JSON name of `effective[x]` of type `dateTime` is `effectiveDateTime`."""
    return DatePath(tuple(path.replace("[x]", kind[0].upper() + kind[1:]).split(".")), kind)
