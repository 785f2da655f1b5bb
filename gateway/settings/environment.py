"""Settings in the environment: which variables are settings, and which are misspelt ones."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from gateway.settings.injected import is_injected
from gateway.settings.names import Name, exists
from gateway.settings.nearest import refusal

PREFIX: Final = "HALO_GATEWAY_"
#: Stands for each dot of a setting's name.
JOINT: Final = "__"


def is_setting(model: Any, variable: str) -> bool:
    """Whether a variable is named after a setting, section or table of a model."""
    return variable.upper().startswith(PREFIX) and exists(model, _name(variable))


def slips(model: Any, environment: Mapping[str, str]) -> list[str]:
    """A message for each variable that looks like a setting, is none, and was not made by a platform."""
    return [refusal(model, _name(each), each, JOINT, PREFIX) for each in sorted(_ours(model, environment))]


def _ours(model: Any, environment: Mapping[str, str]) -> Iterator[str]:
    for variable, value in environment.items():
        if variable.upper().startswith(PREFIX) and not (
            is_setting(model, variable) or is_injected(variable, value)
        ):
            yield variable


def _name(variable: str) -> Name:
    return tuple(variable[len(PREFIX) :].lower().split(JOINT))
