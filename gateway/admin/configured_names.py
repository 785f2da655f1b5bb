"""Names of sites that the configuration has, which operators' endpoints and the command line read alike."""

from gateway.admin.requests import SiteNames
from gateway.settings import Settings
from gateway.settings.resolve import DEFAULT_SITE, ConfiguredSites
from gateway.settings.site_ids import SiteIds


def single_site_mounts(settings: Settings) -> tuple[str, ...]:
    """Names of the upstreams that are one site each."""
    mounts = settings.upstreams.items()
    return tuple(name for name, mounted in mounts if not mounted.resolved_dialect.apis)


def configured_site_names(settings: Settings) -> SiteNames:
    """Return the names of sites, without what only a running gateway knows of them."""
    sites, find_site = settings.sites, ConfiguredSites(settings)
    mounts = frozenset(single_site_mounts(settings))
    return SiteNames(
        {guid: site.name for guid, site in sites.items() if site.name and guid != DEFAULT_SITE},
        mounts,
        SiteIds(sites),
        frozenset(settings.upstreams) - mounts,
        lambda guid: guid in sites or find_site(guid) is not None,
    )
