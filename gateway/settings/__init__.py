"""All configuration: a TOML file, overridden by `HALO_GATEWAY_…` environment variables.

The only reader of environment and files. Every problem is reported at once, by the setting's name.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator

from gateway.settings.base import MountName, RepairSwitches, Section, SiteKey, with_lower_case_guids
from gateway.settings.cache import Cache, Ledger, LedgerCaller
from gateway.settings.environment import describe_duplicates, describe_unknown_variables
from gateway.settings.masked import shorten
from gateway.settings.problems import describe_errors
from gateway.settings.resilience import PageSize, Paging, Pauses, Rest, Retry, Search
from gateway.settings.server import Admin, Errors, Log, MountedUpstream, Server, Timeouts, Upstream, Writes
from gateway.settings.site import DailyCaps, SearchSupport, SiteCache, SiteSettings
from gateway.settings.sources import settings_loader


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
    repairs: RepairSwitches = Field({}, description="repairs on or off for all sites, by id")
    sites: dict[SiteKey, SiteSettings] = Field({}, description="by Halo GUID, and `default`")
    pages: Paging = Field(Paging(), description="links to further pages of a result")
    search: Search = Field(Search(), description="how far a search may go")
    cache: Cache = Field(Cache(), description="what is answered without asking again")
    retry: Retry = Field(Retry(), description="repeating reads that certainly did not run")
    rest: Rest = Field(Rest(), description="leaving a failing practice alone")
    pauses: Pauses = Field(Pauses(), description="messages that mean: not now")
    page_size: PageSize = Field(PageSize(), description="pages that fit under Halo's limit")
    ledger: Ledger = Field(Ledger(), description="what was paid and saved")
    admin: Admin = Field(Admin(), description="the operators' endpoints")
    log: Log = Field(Log(), description="what is logged")
    writes: Writes = Field(Writes(), description="what happens to a change before it is sent")

    @field_validator("sites", mode="before")
    @classmethod
    def _lower_case_guids(cls, sites: Any) -> Any:
        return with_lower_case_guids(sites)

    @field_validator("upstreams")
    @classmethod
    def _require_distinct_paths(cls, upstreams: dict[str, MountedUpstream]) -> dict[str, MountedUpstream]:
        paths = [each.path for each in upstreams.values()]
        twice = sorted({path for path in paths if paths.count(path) > 1})
        if twice:
            raise ValueError(f"two upstreams share a path: {', '.join(twice)}")
        return upstreams

    @model_validator(mode="after")
    def _require_redis_for_ledger(self) -> Self:
        if self.ledger.store == "redis" and self.cache.redis.url is None:
            raise ValueError("ledger.store redis needs cache.redis.url")
        return self


class _SettingsAndVariables(Settings):
    """The settings, and the variables of the commands, which are none."""

    config: Path | None = Field(None, description="the file; an option of every command")
    probe_key: SecretStr | None = Field(None, description="the subscription key that `probe` sends")


def load(path: Path | None = None) -> Settings:
    """The settings of a TOML file and the environment. Raises ConfigurationError naming every problem."""
    read = _settings_loader(path)
    lines = describe_duplicates(_SettingsAndVariables, os.environ) + describe_unknown_variables(
        _SettingsAndVariables, os.environ
    )
    try:
        settings = read()
    except ValidationError as problem:
        lines += describe_errors(Settings, problem.errors(include_input=False))
    except RecursionError:
        raise ConfigurationError("the configuration is nested too deeply") from None
    if lines:
        raise ConfigurationError("\n".join(lines))
    return settings


def _settings_loader(path: Path | None) -> Callable[[], Settings]:
    if path == Path():
        raise ConfigurationError("--config: names no file")
    try:
        return settings_loader(Settings, path)
    except FileNotFoundError:
        raise ConfigurationError(f"--config: no such file: {shorten(str(path))}") from None
    except OSError as problem:
        raise ConfigurationError(f"--config: cannot read {shorten(str(path))}: {problem.strerror}") from None
    except ValueError as problem:
        raise ConfigurationError(f"{shorten(str(path))}: {problem}") from None


__all__ = [
    "Admin",
    "Cache",
    "ConfigurationError",
    "DailyCaps",
    "Errors",
    "Ledger",
    "LedgerCaller",
    "Log",
    "MountedUpstream",
    "PageSize",
    "Paging",
    "Pauses",
    "Rest",
    "Retry",
    "Search",
    "SearchSupport",
    "Server",
    "Settings",
    "SiteCache",
    "SiteSettings",
    "Timeouts",
    "Upstream",
    "Writes",
    "load",
]
