"""Settings from environment variables, and problems of their names.

A shell cannot export a variable with a hyphen in its name, so `_` stands for `-` in GUIDs, in ids of repairs,
and in names of apps and mounted upstreams, which have no `_`.
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
#: Replaces each dot of a setting's name.
SEPARATOR: Final = "__"
#: Variables of commands, which read them in upper case only.
_COMMAND_VARIABLES: Final = frozenset({"HALO_GATEWAY_CONFIG", "HALO_GATEWAY_PROBE_KEY"})
#: Tables whose keys have hyphens, and the length of a name with a key. A setting below it must follow: a
#: platform injects variables such as …UPSTREAMS__X_SERVICE_HOST.
_TABLES_WITH_HYPHENS: Final = frozenset({"apps", "upstreams"})
_NAME_LENGTH: Final = 2
_REPAIR_IDS: Final = {repair.issue.id.replace("-", "_"): repair.issue.id for repair in REPAIRS}


def setting_name(variable: str) -> SettingName:
    """Return the name of the setting for a variable that begins with `PREFIX`."""
    segments = variable[len(PREFIX) :].lower().split(SEPARATOR)
    name = tuple(map(_normalize_segment, segments, ["", *segments]))
    has_named_table = len(name) > _NAME_LENGTH and name[0] in _TABLES_WITH_HYPHENS
    return (name[0], name[1].replace("_", "-"), *name[_NAME_LENGTH:]) if has_named_table else name


def is_setting(model: Any, variable: str) -> bool:
    """Whether a variable has the name of a setting, section or table of a model."""
    return variable.upper().startswith(PREFIX) and setting_exists(model, setting_name(variable))


def variables_by_setting(model: Any, environment: Mapping[str, str]) -> dict[SettingName, list[str]]:
    """Return the variables that set each setting, without empty ones."""
    variables: dict[SettingName, list[str]] = {}
    for variable in sorted(name for name, value in environment.items() if value):
        if is_setting(model, variable):
            variables.setdefault(setting_name(variable), []).append(variable)
    return variables


def variable_of_setting(model: Any, environment: Mapping[str, str]) -> dict[SettingName, str]:
    """Return the variable, as a message may show it, that sets each setting, also those in its JSON."""
    return {
        name: _redact_variable(model, variable)
        for setting, variables in variables_by_setting(model, environment).items()
        for variable in variables
        for name in (setting, *_names_set_by(setting, environment[variable]))
    }


def describe_unknown_variables(model: Any, environment: Mapping[str, str]) -> list[str]:
    """Return a message for each variable with `PREFIX` that is neither a setting nor set by a platform."""
    unknown = sorted(_unknown_variables(model, environment))
    lines = (unknown_name_message(model, setting_name(name), name, SEPARATOR, PREFIX) for name in unknown)
    return limit_lines(lines, len(unknown), "unknown variables")


def describe_duplicates(model: Any, environment: Mapping[str, str]) -> list[str]:
    """Return a message for variables that set the same setting, and for JSON objects with a duplicate key."""
    variables = list(chain.from_iterable(variables_by_setting(model, environment).values()))
    redacted: dict[SettingName, dict[str, str]] = {}
    for variable in variables:
        for name in _names_set_by(setting_name(variable), environment[variable]):
            redacted.setdefault(name, {})[variable] = _redact_variable(model, variable)
    duplicates = dict.fromkeys(" and ".join(names.values()) for names in redacted.values() if len(names) > 1)
    with_duplicate_key = [name for name in variables if _parse_json(environment[name])[1]]
    return [
        *(f"{names}: set the same setting, remove all but one" for names in duplicates),
        *(f"{_redact_variable(model, name)}: contains a key twice" for name in with_duplicate_key),
    ]


def _unknown_variables(model: Any, environment: Mapping[str, str]) -> Iterator[str]:
    for variable, value in environment.items():
        upper = variable.upper()
        is_known = (
            variable in _COMMAND_VARIABLES if upper in _COMMAND_VARIABLES else is_setting(model, variable)
        )
        if value and upper.startswith(PREFIX) and not (is_known or is_injected(variable, value)):
            yield variable


def _normalize_segment(segment: str, parent: str) -> str:
    if GUID_PATTERN.fullmatch(segment):
        return segment.replace("_", "-")
    return _REPAIR_IDS.get(segment, segment) if parent == "repairs" else segment


def _redact_variable(model: Any, variable: str) -> str:
    segments = tuple(variable[len(PREFIX) :].split(SEPARATOR))
    return variable[: len(PREFIX)] + SEPARATOR.join(redact_name(model, setting_name(variable), segments))


def _names_set_by(name: SettingName, value: str) -> Iterator[SettingName]:
    """Yield the settings that a variable sets: the one of its name, or those in its JSON object."""
    parts = [(name, _parse_json(value)[0])]
    while parts:
        name, part = parts.pop()
        if isinstance(part, dict) and part:
            parts += [((*name, _normalize_key(key)), inner) for key, inner in part.items()]
        else:
            yield name


def _normalize_key(key: str) -> str:
    return key.lower() if GUID_PATTERN.fullmatch(key.lower()) else key


def _parse_json(value: str) -> tuple[Any, bool]:
    """Return the value of a JSON text, and whether an object in it has a duplicate key.

    JSON parsers silently drop one of two equal keys.
    """
    has_duplicate = False

    def collect_pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal has_duplicate
        has_duplicate |= len(dict(pairs)) < len(pairs)
        return dict(pairs)

    try:
        return json.loads(value, object_pairs_hook=collect_pairs), has_duplicate
    except (ValueError, RecursionError):
        return None, False
