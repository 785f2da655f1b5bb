"""Sites built from the configuration."""

import re
from collections.abc import Callable
from dataclasses import replace
from functools import cache, lru_cache, partial
from types import MappingProxyType

from gateway.dates.instants import label_meaning
from gateway.dates.registry import declared_parameter
from gateway.dates.support import DateSearchSupport, ParameterKey
from gateway.dates.timezones import load_zone
from gateway.exchange import Site
from gateway.http.request_path import GUID_PATTERN
from gateway.settings import Settings, SiteSettings
from gateway.settings.site_ids import SiteIds
from gateway.sites.engine_version import normalise_version
from gateway.sites.issue_states import SiteFindings, Verdict

DEFAULT_SITE = "default"
#: Most aliases that a message lists.
_MAX_SHOWN = 10
#: Settings of a site that sets nothing; made once, because pydantic copies every default of a new one.
_NO_SETTINGS = SiteSettings()


class ConfiguredSites:
    """Practices by Halo GUID. Those that the configuration does not name have the default settings."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        default = settings.server.default_site
        named = {*settings.sites, default} - {DEFAULT_SITE, None}
        #: Ids of practices: short, and of the configured ones each is unique.
        self.ids = SiteIds(guid for guid in named if guid)
        self._default_site = _build_site(settings, DEFAULT_SITE, self.ids)
        self._unnamed_site = lru_cache(maxsize=1024)(self._site_by_default)
        self._named_sites = {
            guid: _build_site(settings, guid, self.ids) for guid in settings.sites if guid != DEFAULT_SITE
        }

    def require(self, guid: str) -> Site:
        """Return the site with this GUID. Raises ValueError if its time zone is not configured."""
        site = self(guid)
        if site is None:
            raise ValueError(f"sites.{guid}.time_zone must be set. Dates depend on it.")
        return site

    def guid_of(self, name: str) -> str:
        """Return the GUID of an alias, or a GUID in lower case. Raises ValueError for other names."""
        named = ((guid, site) for guid, site in self._settings.sites.items() if guid != DEFAULT_SITE)
        found = next((guid for guid, site in named if site.name == name != ""), "")
        if not found and not re.fullmatch(GUID_PATTERN, name, re.IGNORECASE):
            raise ValueError(self.text_for_unknown(name))
        return found or name.lower()

    def text_for_unknown(self, name: str) -> str:
        """Return what to say of a name that is none, with the aliases."""
        kind = "neither a Halo GUID nor the alias of a site in the configuration"
        return f"{name} is {kind}. {self._shown_aliases()}"

    def _shown_aliases(self) -> str:
        aliases = sorted(
            {site.name for guid, site in self._settings.sites.items() if guid != DEFAULT_SITE and site.name}
        )
        more = f" and {len(aliases) - _MAX_SHOWN} more" if len(aliases) > _MAX_SHOWN else ""
        return f"Aliases: {', '.join(aliases[:_MAX_SHOWN])}{more}." if aliases else "It has no aliases."

    def __call__(self, guid: str) -> Site | None:
        """Return the site of a GUID; None if its time zone is not set."""
        if guid in self._named_sites:
            return self._named_sites[guid]
        return self._unnamed_site(guid)

    def without_zone(self, guid: str) -> Site:
        """Return the site of a GUID whose time zone may be unknown, for requests without dates."""
        site = self(guid)
        if site is not None:
            return site
        merged = merged_site_settings(self._settings, guid)
        disabled = frozenset(repair for repair, on in merged.repairs.items() if not on)
        return Site(guid, load_zone("UTC"), merged.name or self.ids(guid), disabled)

    def _site_by_default(self, guid: str) -> Site | None:
        return self._default_site and replace(self._default_site, guid=guid, name=self.ids(guid))


def merged_site_settings(settings: Settings, guid: str) -> SiteSettings:
    """Return the settings of a site, its own over `sites.default`."""
    default = settings.sites.get(DEFAULT_SITE, _NO_SETTINGS)
    own = settings.sites.get(guid, _NO_SETTINGS)
    repairs = {**settings.repairs, **default.repairs, **own.repairs}
    update = {name: getattr(own, name) for name in own.model_fields_set}
    return default.model_copy(update={**update, "repairs": repairs})


def site_settings_lookup(settings: Settings) -> Callable[[str], SiteSettings]:
    """Return a function that looks up the settings of a site. They are merged at its first request."""
    merged = cache(partial(merged_site_settings, settings))
    return lambda guid: merged(guid if guid in settings.sites else DEFAULT_SITE)


def probed_issues_lookup(settings: Settings) -> Callable[[str], SiteFindings | None]:
    """Return a function that looks up what the last probe of a site found about known issues."""
    findings = {guid: _site_findings(site) for guid, site in settings.sites.items() if guid != DEFAULT_SITE}
    return findings.get


def _site_findings(site_settings: SiteSettings) -> SiteFindings | None:
    found = site_settings.known_issues
    if found.found_at is None or not found.engine:
        return None
    verdicts: dict[str, Verdict] = dict.fromkeys(found.right, "right")
    verdicts |= dict.fromkeys(found.broken, "broken")
    by_facet = {
        f"{issue} {facet}": verdicts[issue] for issue, facet in PROBED_FACETS.items() if issue in verdicts
    }
    return SiteFindings(normalise_version(found.engine), found.found_at.timestamp(), verdicts | by_facet)


#: Known issue -> the only facet that a probe asks about.
PROBED_FACETS = {"inactive-records": "Patient"}


def _build_site(settings: Settings, guid: str, ids: SiteIds) -> Site | None:
    merged = merged_site_settings(settings, guid)
    if merged.time_zone is None:
        return None
    zone = load_zone(merged.time_zone)
    return Site(
        guid,
        zone,
        merged.name or ids(guid),
        frozenset(repair for repair, on in merged.repairs.items() if not on),
        _date_search_support(settings, merged),
        MappingProxyType(merged.last_updated_input),
        merged.last_updated_output,
        merged.inactive_records,
        frozenset(merged.unlisted_capabilities),
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
