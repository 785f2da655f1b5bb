"""Builders of the budgets of apps, of prices and of names in the log from the settings."""

from collections.abc import Callable
from datetime import tzinfo
from decimal import Decimal
from typing import get_args

from gateway.dates.timezones import load_zone
from gateway.ledger.app_usage import AppUsage
from gateway.ledger.budgets import AppBudget, BudgetName
from gateway.ledger.names import CallerConfig, ConfiguredNames
from gateway.ledger.prices import Prices
from gateway.settings import Settings
from gateway.settings.apps import App
from gateway.settings.resolve import merged_site_settings
from gateway.telemetry.site_labels import SiteLabels


def prices_of(settings: Settings) -> Prices:
    """Prices of queries and bytes; none of them unless configured."""
    options = settings.ledger
    return Prices(_decimal(options.price_per_query), _decimal(options.price_per_megabyte), options.currency)


def _decimal(price: float | None) -> Decimal | None:
    """Price with the digits of the configuration, not those of its binary form."""
    return None if price is None else Decimal(str(price))


def app_usage_of(settings: Settings) -> AppUsage:
    """Usage of the apps with a budget, by the days of the practices' usual time zone."""
    return AppUsage({name: _budget_of(app) for name, app in settings.apps.items()}, usual_zone(settings))


def usual_zone(settings: Settings) -> tzinfo:
    """Time zone of practices that configure none, else of the first practice, else UTC."""
    zones = [site.time_zone for site in settings.sites.values() if site.time_zone]
    default = merged_site_settings(settings, settings.server.default_site or "").time_zone
    return load_zone(default or next(iter(zones), None) or "UTC")


def configured_names(settings: Settings) -> ConfiguredNames:
    """Callers and sites that the ledger names without a proof."""
    configured_callers = settings.ledger.callers.items()
    callers = {digits: CallerConfig(caller.name, caller.batch) for digits, caller in configured_callers}
    sites = {*settings.sites, *settings.upstreams, settings.server.default_site or ""}
    return ConfiguredNames(callers, sites)


def site_labels(settings: Settings, ids: Callable[[str], str]) -> SiteLabels:
    """Names of sites in the log; `ids` returns the short id of a GUID."""
    aliases = {guid: site.name for guid, site in settings.sites.items() if site.name}
    mounts = {mount.path: name for name, mount in settings.upstreams.items()}
    halo_mounts = {name for name, mount in settings.upstreams.items() if mount.resolved_dialect.apis}
    return SiteLabels(aliases, ids, mounts, settings.server.default_site or "", halo_mounts)


def _budget_of(app: App) -> AppBudget:
    limits = {name: getattr(app.budget, name) for name in get_args(BudgetName)}
    is_hard = app.budget.hard and (app.purpose != "clinical" or app.budget.hard_for_clinical)
    return AppBudget({name: limit for name, limit in limits.items() if limit}, is_hard)
