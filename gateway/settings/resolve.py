"""Sites as the core knows them, out of the configuration."""

from collections.abc import Callable
from dataclasses import replace
from datetime import tzinfo
from functools import lru_cache

from gateway.dates.instants import column_zone
from gateway.dates.registry import declared_parameter
from gateway.dates.support import DateSearchSupport, ParameterKey
from gateway.dates.timezones import load_zone
from gateway.exchange import Site
from gateway.settings import Settings, SiteSettings

DEFAULT_SITE = "default"


class ConfiguredSites:
    """Every practice this gateway may serve, by Halo GUID; those not named share the default settings."""

    def __init__(self, settings: Settings) -> None:
        self._default_site = _build_site(settings, DEFAULT_SITE)
        self._unnamed_site = lru_cache(maxsize=1024)(self._site_by_default)
        self._named_sites = {
            guid: _build_site(settings, guid) for guid in settings.sites if guid != DEFAULT_SITE
        }

    def __call__(self, guid: str) -> Site | None:
        """The site of a GUID; None when no setting says its time zone."""
        if guid in self._named_sites:
            return self._named_sites[guid]
        return self._unnamed_site(guid)

    def _site_by_default(self, guid: str) -> Site | None:
        return self._default_site and replace(self._default_site, guid=guid, name=guid[:8])


def merged_site_settings(settings: Settings, guid: str) -> SiteSettings:
    """The settings of a site: its own over the default ones."""
    default = settings.sites.get(DEFAULT_SITE, SiteSettings())
    own = settings.sites.get(guid, SiteSettings())
    repairs = {**settings.repairs, **default.repairs, **own.repairs}
    update = {name: getattr(own, name) for name in own.model_fields_set}
    return default.model_copy(update={**update, "repairs": repairs})


def site_settings_lookup(settings: Settings) -> Callable[[str], SiteSettings]:
    """What finds the settings of a site; made once, since it is asked with every request."""
    known = {guid: merged_site_settings(settings, guid) for guid in {*settings.sites, DEFAULT_SITE}}
    return lambda guid: known.get(guid, known[DEFAULT_SITE])


def _build_site(settings: Settings, guid: str) -> Site | None:
    found = merged_site_settings(settings, guid)
    if found.time_zone is None:
        return None
    return Site(
        guid,
        load_zone(found.time_zone),
        found.name or guid[:8],
        frozenset(name for name, on in found.repairs.items() if not on),
        _date_search_support(settings, found, load_zone(found.time_zone)),
        found.last_updated,
        found.show_times,
        found.inactive,
    )


def _date_search_support(
    settings: Settings, site_settings: SiteSettings, site_zone: tzinfo
) -> DateSearchSupport:
    facts = site_settings.search
    stamps = {
        (kind, "_lastUpdated"): column_zone(mode, site_zone)
        for kind, mode in site_settings.last_updated.items()
    }
    return DateSearchSupport(
        supports_repeated_parameter=facts.repeats,
        supports_comma_or=facts.comma,
        supports_sa_eb=facts.sa_eb,
        period_semantics=facts.period,
        column_time_zones=stamps
        | {_parameter_key(name): load_zone(column) for name, column in facts.columns.items()},
        date_precision={_parameter_key(name): precision for name, precision in facts.precision.items()},
        declared_parameters={
            _parameter_key(name): declared_parameter(*_parameter_key(name)) for name in facts.dates
        },
        max_split_queries=settings.search.max_splits,
    )


def _parameter_key(name: str) -> ParameterKey:
    kind, _, code = name.partition(".")
    return kind, code
