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
_OTHERS: Final = _TABLE["others"]
_COMPOSITES: Final = _TABLE["composites"]
_EVERY: Final = ("Resource", "DomainResource")
_TYPES: Final = frozenset({*_DATES, *_REFERENCES})

Kind = Literal["date", "instant", "dateTime", "range"]
Via = Literal["direct", "chain", "has"]
_SINGLE: Final[Mapping[tuple[str, ...], Kind]] = {("date",): "date", ("instant",): "instant"}


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
    kind: Kind
    multi: bool = False
    paths: tuple[DatePath, ...] = ()


@dataclass(frozen=True, slots=True)
class Resolved:
    """What a parameter name of a search ends in.

    `parameters`: one per resource type the chain may end in. `via`: how it gets there; only `direct` values
    stand in the matches. `multi`: several values may be met on the way. `composite`: index of the date part
    and the number of parts. `ambiguous`: for some of the types the code is not a date.
    """

    parameters: tuple[DateParameter, ...]
    modifier: str = ""
    via: Via = "direct"
    multi: bool = False
    composite: tuple[int, int] | None = None
    ambiguous: bool = False


Declared = Mapping[tuple[str, str], DateParameter]
_Way = tuple[frozenset[str], str, Via, bool]
_NONE: Final[Declared] = MappingProxyType({})


@lru_cache(maxsize=1024)
def date_parameter(resource: str, code: str) -> DateParameter | None:
    """The row of the R4 registry; `None`: not a date on that type. `_lastUpdated` is one on every type."""
    row = _DATES.get("Resource" if code == "_lastUpdated" else resource, {}).get(code)
    if row is None:
        return None
    path, types, multi = row
    kinds = types.split()
    return DateParameter(
        resource, code, _kind(kinds), bool(multi), tuple(_path(path, each) for each in kinds)
    )


def registered(resource: str, code: str) -> bool:
    """Whether R4 itself has a search parameter of that code on that type."""
    return any(code in table.get(base, ()) for table in (_DATES, _OTHERS) for base in (resource, *_EVERY))


def declared(resource: str, code: str) -> DateParameter:
    """A date parameter known only from a CapabilityStatement: nothing says where its values stand."""
    return DateParameter(resource, code, "range")


@lru_cache(maxsize=1024)
def targets(resource: str, reference: str) -> tuple[frozenset[str], bool]:
    """The types a reference parameter may point to, and whether it repeats; `subject:Patient` is one type."""
    code, _, typed = reference.partition(":")
    types, multi = _REFERENCES.get(resource, {}).get(code, ("", 0))
    every = frozenset(_TYPES if types == "*" else types.split())
    return every & {typed} if typed else every, bool(multi)


def resolve(resource: str, name: str, extra: Declared = _NONE) -> Resolved | None:
    """What the name of a search parameter ends in; `None`: not in a date.

    `name` is as sent, with chain, `_has` and modifier (R4 search.html 3.1.1.5.5, 3.1.1.5.6); `extra` are the
    date parameters the site's CapabilityStatement adds.
    """
    return _ending(*_walked(resource, name), extra) if extra else _known(resource, name)


@lru_cache(maxsize=1024)
def _known(resource: str, name: str) -> Resolved | None:
    return _ending(*_walked(resource, name), _NONE)


def _walked(resource: str, name: str) -> _Way:
    """The types in which the last name of a chain is looked up, that name, and how it is reached."""
    types, multi = frozenset({resource}), False
    via: Via = "direct"
    while True:
        if name.startswith("_has:") and name.count(":") > 2:  # noqa: PLR2004 - _has:type:reference:name
            _, held, _, name = name.split(":", 3)
            types, via, multi = frozenset({held}), "has", True
        elif "." in name:
            reference, name = name.split(".", 1)
            steps = [targets(each, reference) for each in types]
            types, multi = (
                frozenset().union(*(to for to, _ in steps)),
                multi or any(many for _, many in steps),
            )
            via = "chain" if via == "direct" else via
        else:
            return types, name, via, multi


def _ending(types: frozenset[str], name: str, via: Via, multi: bool, extra: Declared) -> Resolved | None:
    code, _, modifier = name.partition(":")
    dates = [_parameter(each, code, extra) for each in sorted(types)]
    found = tuple(each for each in dates if each)
    if found:
        ambiguous = any(code in _OTHERS.get(each, ()) for each in types)
        return Resolved(found, modifier, via, multi or any(each.multi for each in found), None, ambiguous)
    return _composite(types, code, modifier, via)


def _parameter(resource: str, code: str, extra: Declared) -> DateParameter | None:
    return date_parameter(resource, code) or extra.get((resource, code))


def _composite(types: frozenset[str], code: str, modifier: str, via: Via) -> Resolved | None:
    for each in sorted(types):
        index, part, count = _COMPOSITES.get(each, {}).get(code, (0, "", 0))
        parameter = date_parameter(each, part)
        if parameter:
            return Resolved((parameter,), modifier, via, parameter.multi, (index, count))
    return None


def _kind(types: list[str]) -> Kind:
    if {"Period", "Timing"} & set(types):
        return "range"
    return _SINGLE.get(tuple(types), "dateTime")


def _path(path: str, kind: str) -> DatePath:
    """`effective[x]` of type `dateTime` is written `effectiveDateTime` in JSON."""
    return DatePath(tuple(path.replace("[x]", kind[0].upper() + kind[1:]).split(".")), kind)
