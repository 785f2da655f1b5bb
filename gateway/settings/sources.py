"""Sources of the configuration: a TOML file, and the environment over it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from gateway.settings.environment import JOINT, PREFIX, is_setting
from gateway.settings.sections import Section, with_lower_case_guids

Model = TypeVar("Model", bound=Section)


class _Environment(EnvSettingsSource):
    """The variables that are settings, and no others.

    A list that is no JSON is left for validation to refuse by its setting's name.
    """

    def __init__(self, settings_cls: type[BaseSettings]) -> None:
        super().__init__(settings_cls)
        self.env_vars = {
            name: value for name, value in self.env_vars.items() if is_setting(settings_cls, name)
        }

    def __call__(self) -> dict[str, Any]:
        return _lowered(super().__call__())

    def decode_complex_value(self, field_name: str, field: FieldInfo, value: Any) -> Any:
        try:
            return super().decode_complex_value(field_name, field, value)
        except ValueError:
            return value


class _File(TomlConfigSettingsSource):
    def __call__(self) -> dict[str, Any]:
        return _lowered(super().__call__())


def reader(model: type[Model], path: Path | None) -> Callable[[], Model]:
    """What makes the model of file and environment. It raises pydantic's ValidationError."""

    class Loaded(BaseSettings, model):  # type: ignore[misc, valid-type] # the model is a parameter
        model_config = SettingsConfigDict(
            env_prefix=PREFIX,
            env_nested_delimiter=JOINT,
            env_ignore_empty=True,
            extra="forbid",
            frozen=True,
        )

        @classmethod
        def settings_customise_sources(
            cls, settings_cls: type[BaseSettings], *_: PydanticBaseSettingsSource, **__: Any
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            return _Environment(settings_cls), _File(settings_cls, path)

    return Loaded


def _lowered(values: dict[str, Any]) -> dict[str, Any]:
    """The values with GUIDs in lower case before file and environment are merged; validation judges them."""
    try:
        return {**values, "sites": with_lower_case_guids(values["sites"])} if "sites" in values else values
    except ValueError:
        return values
