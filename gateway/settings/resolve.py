"""Sites built from the configuration."""

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache

from gateway.dates.instants import label_meaning
from gateway.dates.registry import declared_parameter
from gateway.dates.support import DateSearchSupport, ParameterKey
from gateway.dates.timezones import load_zone
from gateway.exchange import Site
from gateway.settings import Settings, SiteSettings

DEFAULT_SITE = "default"


class ConfiguredSites:
    """Practices by Halo GUID. Those that the configuration does not name have the default settings."""

    def __init__(self, settings: Settings) -> None:
        self._default_site = _build_site(settings, DEFAULT_SITE)
        self._unnamed_site = lru_cache(maxsize=1024)(self._site_by_default)
        self._named_sites = {
            guid: _build_site(settings, guid) for guid in settings.sites if guid != DEFAULT_SITE
        }

    def require(self, guid: str) -> Site:
        """Return the site with this GUID. Raises ValueError if its time zone is not configured."""
        site = self(guid)
        if site is None:
            raise ValueError(f"sites.{guid}.time_zone must be set. Dates depend on it.")
        return site

    def __call__(self, guid: str) -> Site | None:
        """Return the site of a GUID; None if its time zone is not set."""
        if guid in self._named_sites:
            return self._named_sites[guid]
        return self._unnamed_site(guid)

    def _site_by_default(self, guid: str) -> Site | None:
        return self._default_site and replace(self._default_site, guid=guid, name=guid[:8])


def merged_site_settings(settings: Settings, guid: str) -> SiteSettings:
    """Return the settings of a site, its own over `sites.default`."""
    default = settings.sites.get(DEFAULT_SITE, SiteSettings())
    own = settings.sites.get(guid, SiteSettings())
    repairs = {**settings.repairs, **default.repairs, **own.repairs}
    update = {name: getattr(own, name) for name in own.model_fields_set}
    return default.model_copy(update={**update, "repairs": repairs})


def site_settings_lookup(settings: Settings) -> Callable[[str], SiteSettings]:
    """Return a function that looks up the settings of a site. They are merged once, not per request."""
    merged = {guid: merged_site_settings(settings, guid) for guid in {*settings.sites, DEFAULT_SITE}}
    return lambda guid: merged.get(guid, merged[DEFAULT_SITE])


def _build_site(settings: Settings, guid: str) -> Site | None:
    merged = merged_site_settings(settings, guid)
    if merged.time_zone is None:
        return None
    zone = load_zone(merged.time_zone)
    return Site(
        guid,
        zone,
        merged.name or guid[:8],
        frozenset(repair for repair, on in merged.repairs.items() if not on),
        _date_search_support(settings, merged),
        merged.last_updated_input,
        merged.last_updated_output,
        merged.inactive_records,
        merged.search.verified_by,
    )


def _date_search_support(settings: Settings, site_settings: SiteSettings) -> DateSearchSupport:
    support = site_settings.search
    return DateSearchSupport(
        supports_repeated_parameter=support.supports_repeated_parameter,
        supports_comma_or=support.supports_comma_or,
        supports_sa_eb=support.supports_sa_eb,
        period_semantics=support.period_semantics,
        column_time_zones={
            _parameter_key(name): "site" if zone == "site" else load_zone(zone)
            for name, zone in support.column_time_zones.items()
        },
        label_meanings={
            resource_type: label_meaning(mode)
            for resource_type, mode in site_settings.last_updated_input.items()
        },
        date_precision={
            _parameter_key(name): precision for name, precision in support.date_precision.items()
        },
        declared_parameters={
            _parameter_key(name): declared_parameter(*_parameter_key(name))
            for name in support.extra_date_parameters
        },
        max_split_queries=settings.search.max_split_queries,
        max_date_values=settings.search.max_date_values,
    )


def _parameter_key(name: str) -> ParameterKey:
    resource_type, _, code = name.partition(".")
    return resource_type, code
