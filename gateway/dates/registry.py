"""Which search parameters are dates, and where their values stand: the R4 registry as a packaged table.

`date_parameters.json` holds, per resource type, the date parameters (path, element types, repeats?), the
composites with a date part, the codes of all other parameters, and the targets of references;
tests/recipes/date_parameters.py makes it.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any, Final, Literal

_TABLE: Final[dict[str, dict[str, Any]]] = json.loads(
    files("gateway.dates").joinpath("date_parameters.json").read_bytes()
)
_DATES: Final = _TABLE["dates"]
_REFERENCES: Final = _TABLE["references"]
_NON_DATE_CODES: Final = _TABLE["others"]
_COMPOSITES: Final = _TABLE["composites"]
_BASE_TYPES: Final = ("Resource", "DomainResource")
_TYPES: Final = frozenset({*_DATES, *_REFERENCES})

ElementKind = Literal["date", "instant", "dateTime", "range"]
Via = Literal["direct", "chain", "has"]
_SINGLE_TYPE_KINDS: Final[Mapping[tuple[str, ...], ElementKind]] = {
    ("date",): "date",
    ("instant",): "instant",
}


@dataclass(frozen=True, slots=True)
class DatePath:
    """The names to follow from the resource to a value, and the FHIR type found there."""

    steps: tuple[str, ...]
    type: str


@dataclass(frozen=True, slots=True)
class DateParameter:
    """A search parameter of type date: its element types, whether it repeats, and where to read it.

    `kind` is `range` where a Period or Timing may stand. Without `paths` no resource can be filtered by it.
    """

    resource: str
    code: str
    kind: ElementKind
    multi_valued: bool = False
    paths: tuple[DatePath, ...] = ()


@dataclass(frozen=True, slots=True)
class ResolvedParameter:
    """What a parameter name of a search ends in.

    `parameters`: one per resource type the chain may end in. `via`: how it gets there; only `direct` values
    stand in the matches. `multi`: several values may be met on the way. `composite`: index of the date part
    and the number of parts. `ambiguous`: for some of the types the code is not a date.
    """

    parameters: tuple[DateParameter, ...]
    modifier: str = ""
    via: Via = "direct"
    multi_valued: bool = False
    composite: tuple[int, int] | None = None
    ambiguous: bool = False


DeclaredDates = Mapping[tuple[str, str], DateParameter]
_ChainEnd = tuple[frozenset[str], str, Via, bool]
_NO_DECLARED_DATES: Final[DeclaredDates] = MappingProxyType({})


@lru_cache(maxsize=1024)
def date_parameter(resource: str, code: str) -> DateParameter | None:
    """The row of the R4 registry; `None`: not a date on that type. `_lastUpdated` is one on every type."""
    row = _DATES.get("Resource" if code == "_lastUpdated" else resource, {}).get(code)
    if row is None:
        return None
    path, types, multi = row
    kinds = types.split()
    return DateParameter(
        resource, code, _element_kind(kinds), bool(multi), tuple(_date_path(path, each) for each in kinds)
    )


def is_registered(resource: str, code: str) -> bool:
    """Whether R4 itself has a search parameter of that code on that type."""
    return any(
        code in table.get(base, ())
        for table in (_DATES, _NON_DATE_CODES)
        for base in (resource, *_BASE_TYPES)
    )


def declared_parameter(resource: str, code: str) -> DateParameter:
    """A date parameter known only from a CapabilityStatement: nothing says where its values stand."""
    return DateParameter(resource, code, "range")


@lru_cache(maxsize=1024)
def reference_targets(resource: str, reference: str) -> tuple[frozenset[str], bool]:
    """The types a reference parameter may point to, and whether it repeats; `subject:Patient` is one type."""
    code, _, typed = reference.partition(":")
    types, multi = _REFERENCES.get(resource, {}).get(code, ("", 0))
    every = frozenset(_TYPES if types == "*" else types.split())
    return every & {typed} if typed else every, bool(multi)


def resolve_parameter(
    resource: str, name: str, extra: DeclaredDates = _NO_DECLARED_DATES
) -> ResolvedParameter | None:
    """What the name of a search parameter ends in; `None`: not in a date.

    `name` is as sent, with chain, `_has` and modifier (R4 search.html 3.1.1.5.5, 3.1.1.5.6); `extra` are the
    date parameters the site's CapabilityStatement adds.
    """
    return (
        _resolve_chain_end(*_walk_chain(resource, name), extra)
        if extra
        else _resolve_registered(resource, name)
    )


@lru_cache(maxsize=1024)
def _resolve_registered(resource: str, name: str) -> ResolvedParameter | None:
    return _resolve_chain_end(*_walk_chain(resource, name), _NO_DECLARED_DATES)


def _walk_chain(resource: str, name: str) -> _ChainEnd:
    """The types in which the last name of a chain is looked up, that name, and how it is reached."""
    types, multi = frozenset({resource}), False
    via: Via = "direct"
    while True:
        if name.startswith("_has:") and name.count(":") > 2:  # noqa: PLR2004 - _has:type:reference:name
            _, held, _, name = name.split(":", 3)
            types, via, multi = frozenset({held}), "has", True
        elif "." in name:
            reference, name = name.split(".", 1)
            steps = [reference_targets(each, reference) for each in types]
            types, multi = (
                frozenset().union(*(to for to, _ in steps)),
                multi or any(many for _, many in steps),
            )
            via = "chain" if via == "direct" else via
        else:
            return types, name, via, multi


def _resolve_chain_end(
    types: frozenset[str], name: str, via: Via, multi_valued: bool, extra: DeclaredDates
) -> ResolvedParameter | None:
    code, _, modifier = name.partition(":")
    dates = [_find_parameter(each, code, extra) for each in sorted(types)]
    found = tuple(each for each in dates if each)
    if found:
        ambiguous = any(code in _NON_DATE_CODES.get(each, ()) for each in types)
        return ResolvedParameter(
            found, modifier, via, multi_valued or any(each.multi_valued for each in found), None, ambiguous
        )
    return _resolve_composite(types, code, modifier, via)


def _find_parameter(resource: str, code: str, extra: DeclaredDates) -> DateParameter | None:
    return date_parameter(resource, code) or extra.get((resource, code))


def _resolve_composite(types: frozenset[str], code: str, modifier: str, via: Via) -> ResolvedParameter | None:
    for each in sorted(types):
        index, part, count = _COMPOSITES.get(each, {}).get(code, (0, "", 0))
        parameter = date_parameter(each, part)
        if parameter:
            return ResolvedParameter((parameter,), modifier, via, parameter.multi_valued, (index, count))
    return None


def _element_kind(types: list[str]) -> ElementKind:
    if {"Period", "Timing"} & set(types):
        return "range"
    return _SINGLE_TYPE_KINDS.get(tuple(types), "dateTime")


def _date_path(path: str, kind: str) -> DatePath:
    """`effective[x]` of type `dateTime` is written `effectiveDateTime` in JSON."""
    return DatePath(tuple(path.replace("[x]", kind[0].upper() + kind[1:]).split(".")), kind)
