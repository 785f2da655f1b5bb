"""All configuration: a TOML file, overridden by `HALO_GATEWAY_…` environment variables.

The only reader of environment and files. Every problem is reported at once, by the setting's name.
"""

import os
from pathlib import Path
from typing import Any, Self

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from gateway.settings.operation import (
    Admin,
    Cache,
    Ledger,
    LedgerCaller,
    PageSize,
    Pauses,
    Rest,
    Retry,
)
from gateway.settings.practice import Caps, SearchFacts, SiteCache, SiteSettings
from gateway.settings.sections import (
    Errors,
    Log,
    MountedUpstream,
    MountName,
    Pages,
    Search,
    Section,
    Server,
    SiteKey,
    Switches,
    Timeouts,
    Upstream,
)


class ConfigurationError(ValueError):
    """What is wrong with the configuration: one line per setting."""


class Settings(Section):
    """The whole configuration; by itself it reads neither file nor environment: `load` does."""

    server: Server = Field(Server(), description="how the gateway is reached")
    upstream: Upstream = Field(Upstream(), description="the Halo Connect API")
    upstreams: dict[MountName, MountedUpstream] = Field(
        {}, description="further upstreams by name, each below its own path"
    )
    errors: Errors = Field(Errors(), description="what a client is told of an upstream's own words")
    repairs: Switches = Field({}, description="repairs on or off for all sites, by id")
    sites: dict[SiteKey, SiteSettings] = Field({}, description="by Halo GUID, and `default`")
    pages: Pages = Field(Pages(), description="links to further pages of a result")
    search: Search = Field(Search(), description="how far a search may go")
    cache: Cache = Field(Cache(), description="what is answered without asking again")
    retry: Retry = Field(Retry(), description="repeating reads that certainly did not run")
    rest: Rest = Field(Rest(), description="leaving a failing practice alone")
    pauses: Pauses = Field(Pauses(), description="messages that mean: not now")
    page_size: PageSize = Field(PageSize(), description="pages that fit under Halo's limit")
    ledger: Ledger = Field(Ledger(), description="what was paid and saved")
    admin: Admin = Field(Admin(), description="the operators' endpoints")
    log: Log = Field(Log(), description="what is logged")

    @field_validator("upstreams")
    @classmethod
    def _apart(cls, upstreams: dict[str, MountedUpstream]) -> dict[str, MountedUpstream]:
        paths = [each.path for each in upstreams.values()]
        twice = sorted({path for path in paths if paths.count(path) > 1})
        if twice:
            raise ValueError(f"two upstreams share a path: {', '.join(twice)}")
        return upstreams

    @model_validator(mode="after")
    def _shared(self) -> Self:
        if self.ledger.store == "redis" and self.cache.redis.url is None:
            raise ValueError("ledger.store redis needs cache.redis.url")
        return self


PREFIX = "HALO_GATEWAY_"
#: Variables of ours that are no settings.
_OTHER = frozenset({"config", "probe_key"})


def load(path: Path | None = None) -> Settings:
    """The settings of a TOML file and the environment. Raises ConfigurationError naming every problem."""
    if path is not None and not path.is_file():
        raise ConfigurationError(f"--config: no such file: {path}")
    slips = [f"{name}: no such setting, in the environment" for name in _slips()]
    try:
        found = _from(path)()
    except ValidationError as problem:
        lines = map(_line, problem.errors(include_input=False))
        raise ConfigurationError("\n".join([*slips, *lines])) from None
    except ValueError as problem:
        raise ConfigurationError(f"{path}: {problem}") from None
    if slips:
        raise ConfigurationError("\n".join(slips))
    return found


def _slips() -> list[str]:
    """Names in the environment that look like settings and are none: pydantic-settings passes them over."""
    ours = (name.removeprefix(PREFIX).lower() for name in os.environ if name.startswith(PREFIX))
    return sorted(name for name in ours if name.split("__")[0] not in {*Settings.model_fields, *_OTHER})


class _Environment(EnvSettingsSource):
    """The environment; a list that is no JSON is left for validation to refuse by its setting's name."""

    def decode_complex_value(self, field_name: str, field: FieldInfo, value: Any) -> Any:
        try:
            return super().decode_complex_value(field_name, field, value)
        except ValueError:
            return value


def _from(path: Path | None) -> type[Settings]:
    class Loaded(BaseSettings, Settings):
        model_config = SettingsConfigDict(
            env_prefix=PREFIX, env_nested_delimiter="__", extra="forbid", frozen=True
        )

        @classmethod
        def settings_customise_sources(
            cls, settings_cls: type[BaseSettings], *_: PydanticBaseSettingsSource, **__: Any
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            return _Environment(settings_cls), TomlConfigSettingsSource(settings_cls, path)

    return Loaded


def _line(error: ErrorDetails) -> str:
    return f"{'.'.join(map(str, error['loc']))}: {error['msg'].removeprefix('Value error, ')}"


__all__ = [
    "Admin",
    "Cache",
    "Caps",
    "ConfigurationError",
    "Errors",
    "Ledger",
    "LedgerCaller",
    "Log",
    "MountedUpstream",
    "PageSize",
    "Pages",
    "Pauses",
    "Rest",
    "Retry",
    "Search",
    "SearchFacts",
    "Server",
    "Settings",
    "SiteCache",
    "SiteSettings",
    "Timeouts",
    "Upstream",
    "load",
]
