"""Configuration: a TOML file, overridden by `HALO_GATEWAY_…` environment variables.

All problems are reported at once, by the setting's name.
"""

import os
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator, model_validator

from gateway.plugins.load import Plugins
from gateway.settings.admin import Admin
from gateway.settings.apps import MAX_APPS, MIN_RETENTION_DAYS, App, AppName, BudgetWebhook
from gateway.settings.base import (
    MountName,
    RepairSwitches,
    Section,
    SiteKey,
    raise_problems,
    with_lower_case_guids,
)
from gateway.settings.cache import Cache, Ledger, LedgerCaller
from gateway.settings.cors import Cors
from gateway.settings.environment import (
    describe_duplicates,
    describe_unknown_variables,
    variable_of_setting,
)
from gateway.settings.every_error import every_error
from gateway.settings.extensions import extension_problems
from gateway.settings.masked import shorten
from gateway.settings.plugins import PluginNames, plugins_of, with_dialects
from gateway.settings.problems import describe_errors
from gateway.settings.resilience import Bulkhead, CircuitBreaker, Paging, Pauses, Retry, Search
from gateway.settings.server import Errors, Log, Server, Writes
from gateway.settings.site import DailyCaps, ProbedIssues, SearchSupport, SiteCache, SiteSettings
from gateway.settings.site_names import alias_problems
from gateway.settings.sources import settings_loader
from gateway.settings.sql import Sql
from gateway.settings.traces import Traces
from gateway.settings.upstreams import MountCache, MountedUpstream, RateLimit, Timeouts, Upstream
from gateway.settings.webhooks import Webhooks


class ConfigurationError(ValueError):
    """Problems of the configuration, one line per setting."""


class Settings(Section):
    """The whole configuration. `load` reads it from file and environment."""

    server: Server = Field(Server(), description="Address and limits of the gateway's own server.")
    plugins: PluginNames = Field(
        (), description="Installed packages whose repairs and dialects the gateway uses."
    )
    upstream: Upstream = Field(Upstream(), description="The Halo Connect API.")
    upstreams: dict[MountName, MountedUpstream] = Field(
        {}, description="Additional upstreams by name, each with its own path."
    )
    errors: Errors = Field(Errors(), description="Upstream error messages in responses to clients.")
    repairs: RepairSwitches = Field(
        {}, description="Repairs that are on (true) or off (false) for all sites, by id."
    )
    sites: dict[SiteKey, SiteSettings] = Field(
        {}, description="Settings of sites, by Halo GUID or `default`."
    )
    paging: Paging = Field(Paging(), description="Page links and page sizes.")
    search: Search = Field(Search(), description="Upstream queries per search, and limits of searches.")
    cache: Cache = Field(Cache(), description="The response cache.")
    retry: Retry = Field(Retry(), description="Retries of reads that did not run at the practice.")
    circuit_breaker: CircuitBreaker = Field(CircuitBreaker(), description="Circuit breaker per site.")
    bulkhead: Bulkhead = Field(Bulkhead(), description="Concurrency per site.")
    pauses: Pauses = Field(Pauses(), description="Pauses after upstream errors.")
    ledger: Ledger = Field(Ledger(), description="Counts of billed and saved queries.")
    apps: Annotated[dict[AppName, App], Field(max_length=MAX_APPS)] = Field(
        {}, description="Apps that share a key, by name (docs/apps.md)."
    )
    budget_webhook: BudgetWebhook = Field(
        BudgetWebhook(), description="Receiver of messages about the budgets of apps."
    )
    cors: Cors = Field(Cors(), description="Web pages of other origins (docs/browser-apps.md).")
    admin: Admin = Field(Admin(), description="The /admin endpoints.")
    log: Log = Field(Log(), description="The log.")
    traces: Traces = Field(Traces(), description="OpenTelemetry traces.")
    writes: Writes = Field(Writes(), description="Checks of writes before they are sent.")
    sql: Sql = Field(Sql(), description="SQL Passthrough.")
    webhooks: Webhooks = Field(Webhooks(), description="Webhooks of Halo Connect.")

    @field_validator("sites", mode="before")
    @classmethod
    def _lower_case_guids(cls, sites: Any) -> Any:
        return with_lower_case_guids(sites)

    @field_validator("upstreams", mode="before")
    @classmethod
    def _resolve_dialects(cls, upstreams: Any, info: ValidationInfo) -> Any:
        return with_dialects(upstreams, plugins_of(info.data.get("plugins", ())))

    @field_validator("upstreams")
    @classmethod
    def _require_distinct_paths(cls, upstreams: dict[str, MountedUpstream]) -> dict[str, MountedUpstream]:
        paths = [upstream.path for upstream in upstreams.values()]
        duplicates = sorted({path for path in paths if paths.count(path) > 1})
        if duplicates:
            raise ValueError(f"two upstreams share a path: {', '.join(duplicates)}")
        return upstreams

    @model_validator(mode="after")
    def _require_consistent_sections(self) -> Self:
        problems = (self._ledger_problems(), self._retention_problems(), self._body_problems())
        aliases = {guid: site.name for guid, site in self.sites.items() if guid != "default"}
        names = alias_problems(aliases, self.upstreams)
        raise_problems(chain(*problems, names, extension_problems(self)))
        return self

    def _body_problems(self) -> Iterator[str]:
        limits = {"server.max_body": self.server.max_body, "sql.max_body": self.sql.max_body}
        limits |= {
            f"upstreams.{name}.max_request_body": upstream.request_body_limit
            for name, upstream in self.upstreams.items()
        }
        name, limit = max(limits.items(), key=lambda item: item[1])
        if self.server.max_total_body < 3 * limit:
            yield (
                f"server.max_total_body: must be at least three times {name}, because one client address may"
                f" use half, and a body needs more memory while it arrives; write, for example, {3 * limit}"
            )

    def _ledger_problems(self) -> Iterator[str]:
        if self.ledger.store == "redis" and self.cache.redis.url is None:
            yield 'ledger.store: redis needs cache.redis.url; write, for example, "file", or set the URL'
        if self.ledger.required and not (self.ledger.path or self.cache.redis.url):
            yield (
                "ledger.required: needs ledger.path or cache.redis.url, because counts in memory are lost;"
                ' write, for example, ledger.path = "/var/lib/halo-gateway/ledger.sqlite3"'
            )

    def _retention_problems(self) -> Iterator[str]:
        monthly = [name for name, app in self.apps.items() if app.budget.is_monthly]
        if monthly and self.ledger.retention_days < MIN_RETENTION_DAYS:
            yield (
                f"ledger.retention_days: must be at least {MIN_RETENTION_DAYS}, because the monthly budget of"
                f" apps.{monthly[0]} counts the rows of the month; write, for example, 800"
            )

    @property
    def loaded_plugins(self) -> Plugins:
        """Repairs and dialects of the plugins."""
        return plugins_of(self.plugins)


class _SettingsAndVariables(Settings):
    """The settings and the environment variables of commands."""

    config: Path | None = Field(None, description="The TOML file.")
    probe_key: SecretStr | None = Field(None, description="The subscription key for `probe`.")


def load(path: Path | None = None) -> Settings:
    """Load the settings from a TOML file and the environment. Raises ConfigurationError with all problems."""
    merged: list[dict[str, Any]] = []
    loader = _settings_loader(path, merged.append)
    lines = describe_duplicates(_SettingsAndVariables, os.environ) + describe_unknown_variables(
        _SettingsAndVariables, os.environ
    )
    try:
        try:
            settings = loader()
        except ValidationError:
            errors = every_error(Settings.model_validate, merged[-1])
            lines += describe_errors(Settings, errors, variable_of_setting(Settings, os.environ))
    except RecursionError:
        raise ConfigurationError("the configuration is nested too deeply") from None
    if lines:
        raise ConfigurationError("\n".join(lines))
    return settings


def _settings_loader(path: Path | None, keep_values: Callable[[Any], None]) -> Callable[[], Settings]:
    if path == Path():
        raise ConfigurationError("--config: is empty, give the path of a TOML file")
    try:
        return settings_loader(Settings, path, keep_values)
    except FileNotFoundError:
        raise ConfigurationError(f"--config: no such file: {shorten(str(path))}") from None
    except OSError as problem:
        raise ConfigurationError(f"--config: cannot read {shorten(str(path))}: {problem.strerror}") from None
    except ValueError as problem:
        raise ConfigurationError(f"{shorten(str(path))}: {problem}") from None


__all__ = [
    "Admin",
    "App",
    "BudgetWebhook",
    "Bulkhead",
    "Cache",
    "CircuitBreaker",
    "ConfigurationError",
    "Cors",
    "DailyCaps",
    "Errors",
    "Ledger",
    "LedgerCaller",
    "Log",
    "MountCache",
    "MountedUpstream",
    "Paging",
    "Pauses",
    "ProbedIssues",
    "RateLimit",
    "Retry",
    "Search",
    "SearchSupport",
    "Server",
    "Settings",
    "SiteCache",
    "SiteSettings",
    "Sql",
    "Timeouts",
    "Traces",
    "Upstream",
    "Webhooks",
    "Writes",
    "load",
]
