"""Sources of the configuration: a TOML file, and the environment over it."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from gateway.settings.base import Section, with_lower_case_guids
from gateway.settings.environment import PREFIX, SEPARATOR, variables_by_setting
from gateway.settings.toml_file import read_tables

Model = TypeVar("Model", bound=Section)


class _EnvironmentSource(EnvSettingsSource):
    """The variables that are settings, and no others.

    A list that is no JSON is left for validation to refuse by its setting's name.
    """

    def __init__(self, settings_cls: type[BaseSettings]) -> None:
        super().__init__(settings_cls)
        self.env_vars = {
            PREFIX + SEPARATOR.join(name): os.environ[given[0]]
            for name, given in variables_by_setting(settings_cls, os.environ).items()
        }

    def __call__(self) -> dict[str, Any]:
        return _with_lower_case_sites(super().__call__())

    def decode_complex_value(self, field_name: str, field: FieldInfo, value: Any) -> Any:
        try:
            decoded = super().decode_complex_value(field_name, field, value)
        except (ValueError, RecursionError):
            return value
        return _with_lower_case_sites({field_name: decoded})[field_name]


class _FileSource(InitSettingsSource):
    def __call__(self) -> dict[str, Any]:
        return _with_lower_case_sites(super().__call__())


def settings_loader(model: type[Model], path: Path | None) -> Callable[[], Model]:
    """What makes the model of file and environment. It raises pydantic's ValidationError.

    Itself it raises OSError, and ValueError for a file that cannot be read.
    """
    tables = read_tables(path) if path else {}

    class LoadedSettings(BaseSettings, model):  # type: ignore[misc, valid-type] # the model is a parameter
        model_config = SettingsConfigDict(
            env_prefix=PREFIX,
            env_nested_delimiter=SEPARATOR,
            case_sensitive=True,
            extra="forbid",
            frozen=True,
        )

        @classmethod
        def settings_customise_sources(
            cls, settings_cls: type[BaseSettings], *_: PydanticBaseSettingsSource, **__: Any
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            return _EnvironmentSource(settings_cls), _FileSource(settings_cls, tables)

    return LoadedSettings


def _with_lower_case_sites(values: dict[str, Any]) -> dict[str, Any]:
    """The values with GUIDs in lower case before file and environment are merged; validation judges them."""
    try:
        return {**values, "sites": with_lower_case_guids(values["sites"])} if "sites" in values else values
    except ValueError:
        return values
