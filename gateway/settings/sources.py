"""Sources of the configuration: a TOML file, overridden by the environment."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from pydantic import model_validator
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
from gateway.settings.extensions import with_pack_paths
from gateway.settings.toml_file import read_tables

Model = TypeVar("Model", bound=Section)


class _EnvironmentSource(EnvSettingsSource):
    """Source of the environment variables that are settings.

    Invalid JSON is passed on, so that validation reports it with the name of its setting.
    """

    def __init__(self, settings_cls: type[BaseSettings]) -> None:
        super().__init__(settings_cls)
        self.env_vars = {
            PREFIX + SEPARATOR.join(name): os.environ[variables[0]]
            for name, variables in variables_by_setting(settings_cls, os.environ).items()
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


def settings_loader(
    model: type[Model], path: Path | None, keep_values: Callable[[Any], None] = lambda _: None
) -> Callable[[], Model]:
    """Return a function that builds the model from file and environment. It raises ValidationError.

    `keep_values` gets what file and environment say together, before it is checked. Raises OSError, or
    ValueError for a file that is not valid TOML.
    """
    tables = with_pack_paths(read_tables(path), path.parent) if path else {}

    class LoadedSettings(BaseSettings, model):  # type: ignore[misc, valid-type] # the model is a parameter
        model_config = SettingsConfigDict(
            env_prefix=PREFIX,
            env_nested_delimiter=SEPARATOR,
            case_sensitive=True,
            extra="forbid",
            frozen=True,
        )

        @model_validator(mode="before")
        @classmethod
        def _keep_values(cls, values: Any) -> Any:
            keep_values(values)
            return values

        @classmethod
        def settings_customise_sources(
            cls, settings_cls: type[BaseSettings], *_: PydanticBaseSettingsSource, **__: Any
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            return _EnvironmentSource(settings_cls), _FileSource(settings_cls, tables)

    return LoadedSettings


def _with_lower_case_sites(values: dict[str, Any]) -> dict[str, Any]:
    """Return the values with GUIDs in lower case, so that the same site of file and environment merges."""
    try:
        return {**values, "sites": with_lower_case_guids(values["sites"])} if "sites" in values else values
    except ValueError:
        return values
