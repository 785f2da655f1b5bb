"""All configuration: a TOML file, overridden by `HALO_GATEWAY_…` environment variables.

The only reader of environment and files. Every problem is reported at once, by the setting's name.
"""

from pathlib import Path

from pydantic import Field, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from gateway.settings.sections import (
    Log,
    Pages,
    Search,
    SearchFacts,
    Server,
    SiteKey,
    SiteSettings,
    Switches,
    Timeouts,
    Upstream,
)


class ConfigurationError(ValueError):
    """What is wrong with the configuration: one line per setting."""


class Settings(BaseSettings):
    """The whole configuration."""

    model_config = SettingsConfigDict(
        env_prefix="HALO_GATEWAY_", env_nested_delimiter="__", extra="forbid", frozen=True
    )

    server: Server = Field(Server(), description="how the gateway is reached")
    upstream: Upstream = Field(Upstream(), description="the Halo Connect API")
    repairs: Switches = Field({}, description="repairs on or off for all sites, by id")
    sites: dict[SiteKey, SiteSettings] = Field({}, description="by Halo GUID, and `default`")
    pages: Pages = Field(Pages(), description="links to further pages of a result")
    search: Search = Field(Search(), description="how far a search may go")
    log: Log = Field(Log(), description="what is logged")


def load(path: Path | None = None) -> Settings:
    """The settings of a TOML file and the environment. Raises ConfigurationError naming every problem."""
    if path is not None and not path.is_file():
        raise ConfigurationError(f"--config: no such file: {path}")
    try:
        return _from(path)()
    except ValidationError as problem:
        raise ConfigurationError("\n".join(map(_line, problem.errors(include_input=False)))) from None
    except (SettingsError, ValueError) as problem:
        raise ConfigurationError(str(problem)) from None


def _from(path: Path | None) -> type[Settings]:
    class Loaded(Settings):
        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,
            file_secret_settings: PydanticBaseSettingsSource,
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            del dotenv_settings, file_secret_settings
            return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, path)

    return Loaded


def _line(error: ErrorDetails) -> str:
    return f"{'.'.join(map(str, error['loc']))}: {error['msg'].removeprefix('Value error, ')}"


__all__ = [
    "ConfigurationError",
    "Log",
    "Pages",
    "Search",
    "SearchFacts",
    "Server",
    "Settings",
    "SiteSettings",
    "Timeouts",
    "Upstream",
    "load",
]
