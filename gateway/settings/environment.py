"""Settings in the environment: which variables are settings, and which are misspelt ones.

A shell cannot export a variable with a hyphen in its name, so `_` stands for `-` in GUIDs and ids of repairs.
"""

import json
from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any, Final

from gateway.repairs import REPAIRS
from gateway.settings.injected import is_injected
from gateway.settings.masked import masked
from gateway.settings.names import GUID, Name, exists
from gateway.settings.refusals import bounded, refusal

PREFIX: Final = "HALO_GATEWAY_"
#: Stands for each dot of a setting's name.
JOINT: Final = "__"
#: Variables of the commands, which the commands read in capitals only.
_CAPITALS: Final = frozenset({"HALO_GATEWAY_CONFIG", "HALO_GATEWAY_PROBE_KEY"})
_REPAIRS: Final = {repair.issue.id.replace("-", "_"): repair.issue.id for repair in REPAIRS}


def name_of(variable: str) -> Name:
    """The name of the setting that a variable of our prefix is named after."""
    segments = variable[len(PREFIX) :].lower().split(JOINT)
    return tuple(map(_spelt, segments, ["", *segments]))


def is_setting(model: Any, variable: str) -> bool:
    """Whether a variable is named after a setting, section or table of a model."""
    return variable.upper().startswith(PREFIX) and exists(model, name_of(variable))


def variables(model: Any, environment: Mapping[str, str]) -> dict[Name, list[str]]:
    """Setting -> the variables that give it; one that is empty gives nothing."""
    found: dict[Name, list[str]] = {}
    for variable in sorted(each for each, value in environment.items() if value):
        if is_setting(model, variable):
            found.setdefault(name_of(variable), []).append(variable)
    return found


def slips(model: Any, environment: Mapping[str, str]) -> list[str]:
    """A message for each variable that looks like a setting, is none, and was not made by a platform."""
    wrong = sorted(_wrong(model, environment))
    lines = (refusal(model, name_of(each), each, JOINT, PREFIX) for each in wrong)
    return bounded(lines, len(wrong), "variables that no setting has")


def doubles(model: Any, environment: Mapping[str, str]) -> list[str]:
    """A message for variables that give the same setting, and for one that gives a key twice in its JSON."""
    ours = list(chain.from_iterable(variables(model, environment).values()))
    given: dict[Name, dict[str, str]] = {}
    for variable in ours:
        for name in _given(name_of(variable), environment[variable]):
            given.setdefault(name, {})[variable] = _shown(model, variable)
    several = dict.fromkeys(" and ".join(each.values()) for each in given.values() if len(each) > 1)
    twice = [each for each in ours if _read(environment[each])[1]]
    return [
        *(f"given twice: {each}" for each in several),
        *(f"{_shown(model, each)}: gives a key twice" for each in twice),
    ]


def _wrong(model: Any, environment: Mapping[str, str]) -> Iterator[str]:
    for variable, value in environment.items():
        capitals = variable.upper()
        right = variable in _CAPITALS if capitals in _CAPITALS else is_setting(model, variable)
        if value and capitals.startswith(PREFIX) and not (right or is_injected(variable, value)):
            yield variable


def _spelt(segment: str, before: str) -> str:
    if GUID.fullmatch(segment):
        return segment.replace("_", "-")
    return _REPAIRS.get(segment, segment) if before == "repairs" else segment


def _shown(model: Any, variable: str) -> str:
    segments = tuple(variable[len(PREFIX) :].split(JOINT))
    return variable[: len(PREFIX)] + JOINT.join(masked(model, name_of(variable), segments))


def _given(name: Name, value: str) -> Iterator[Name]:
    """The settings that a variable gives: the one of its name, or those in its JSON."""
    parts = [(name, _read(value)[0])]
    while parts:
        name, part = parts.pop()
        if isinstance(part, dict) and part:
            parts += [((*name, _key(each)), inner) for each, inner in part.items()]
        else:
            yield name


def _key(key: str) -> str:
    return key.lower() if GUID.fullmatch(key.lower()) else key


def _read(value: str) -> tuple[Any, bool]:
    """A JSON text, and whether one of its objects has a key twice; readers keep one of the two silently."""
    repeats = False

    def table(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal repeats
        repeats |= len(dict(pairs)) < len(pairs)
        return dict(pairs)

    try:
        return json.loads(value, object_pairs_hook=table), repeats
    except (ValueError, RecursionError):
        return None, False
