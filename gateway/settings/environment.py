"""Settings in the environment: which variables are settings, and which are misspelt ones.

A shell cannot export a variable with a hyphen in its name, so `_` stands for `-` in GUIDs and ids of repairs.
"""

import json
from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any, Final

from gateway.repairs import REPAIRS
from gateway.settings.injected import is_injected
from gateway.settings.masked import redact_name
from gateway.settings.names import GUID_PATTERN, SettingName, setting_exists
from gateway.settings.refusals import limit_lines, unknown_name_message

PREFIX: Final = "HALO_GATEWAY_"
#: Stands for each dot of a setting's name.
SEPARATOR: Final = "__"
#: Variables of the commands, which the commands read in capitals only.
_COMMAND_VARIABLES: Final = frozenset({"HALO_GATEWAY_CONFIG", "HALO_GATEWAY_PROBE_KEY"})
_REPAIR_IDS: Final = {repair.issue.id.replace("-", "_"): repair.issue.id for repair in REPAIRS}


def setting_name(variable: str) -> SettingName:
    """The name of the setting that a variable of our prefix is named after."""
    segments = variable[len(PREFIX) :].lower().split(SEPARATOR)
    return tuple(map(_normalize_segment, segments, ["", *segments]))


def is_setting(model: Any, variable: str) -> bool:
    """Whether a variable is named after a setting, section or table of a model."""
    return variable.upper().startswith(PREFIX) and setting_exists(model, setting_name(variable))


def variables_by_setting(model: Any, environment: Mapping[str, str]) -> dict[SettingName, list[str]]:
    """Setting -> the variables that give it; one that is empty gives nothing."""
    found: dict[SettingName, list[str]] = {}
    for variable in sorted(each for each, value in environment.items() if value):
        if is_setting(model, variable):
            found.setdefault(setting_name(variable), []).append(variable)
    return found


def describe_unknown_variables(model: Any, environment: Mapping[str, str]) -> list[str]:
    """A message for each variable that looks like a setting, is none, and was not made by a platform."""
    wrong = sorted(_unknown_variables(model, environment))
    lines = (unknown_name_message(model, setting_name(each), each, SEPARATOR, PREFIX) for each in wrong)
    return limit_lines(lines, len(wrong), "variables that no setting has")


def describe_duplicates(model: Any, environment: Mapping[str, str]) -> list[str]:
    """A message for variables that give the same setting, and for one that gives a key twice in its JSON."""
    ours = list(chain.from_iterable(variables_by_setting(model, environment).values()))
    given: dict[SettingName, dict[str, str]] = {}
    for variable in ours:
        for name in _names_set_by(setting_name(variable), environment[variable]):
            given.setdefault(name, {})[variable] = _redact_variable(model, variable)
    several = dict.fromkeys(" and ".join(each.values()) for each in given.values() if len(each) > 1)
    twice = [each for each in ours if _parse_json(environment[each])[1]]
    return [
        *(f"given twice: {each}" for each in several),
        *(f"{_redact_variable(model, each)}: gives a key twice" for each in twice),
    ]


def _unknown_variables(model: Any, environment: Mapping[str, str]) -> Iterator[str]:
    for variable, value in environment.items():
        capitals = variable.upper()
        right = (
            variable in _COMMAND_VARIABLES if capitals in _COMMAND_VARIABLES else is_setting(model, variable)
        )
        if value and capitals.startswith(PREFIX) and not (right or is_injected(variable, value)):
            yield variable


def _normalize_segment(segment: str, parent: str) -> str:
    if GUID_PATTERN.fullmatch(segment):
        return segment.replace("_", "-")
    return _REPAIR_IDS.get(segment, segment) if parent == "repairs" else segment


def _redact_variable(model: Any, variable: str) -> str:
    segments = tuple(variable[len(PREFIX) :].split(SEPARATOR))
    return variable[: len(PREFIX)] + SEPARATOR.join(redact_name(model, setting_name(variable), segments))


def _names_set_by(name: SettingName, value: str) -> Iterator[SettingName]:
    """The settings that a variable gives: the one of its name, or those in its JSON."""
    parts = [(name, _parse_json(value)[0])]
    while parts:
        name, part = parts.pop()
        if isinstance(part, dict) and part:
            parts += [((*name, _normalize_key(each)), inner) for each, inner in part.items()]
        else:
            yield name


def _normalize_key(key: str) -> str:
    return key.lower() if GUID_PATTERN.fullmatch(key.lower()) else key


def _parse_json(value: str) -> tuple[Any, bool]:
    """A JSON text, and whether one of its objects has a key twice; readers keep one of the two silently."""
    repeats = False

    def collect_pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal repeats
        repeats |= len(dict(pairs)) < len(pairs)
        return dict(pairs)

    try:
        return json.loads(value, object_pairs_hook=collect_pairs), repeats
    except (ValueError, RecursionError):
        return None, False
