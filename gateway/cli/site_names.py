"""Names of sites in the command line: the same as at the operators' endpoints."""

from gateway.admin.configured_names import configured_site_names
from gateway.errors.failure import Failure
from gateway.settings import Settings
from gateway.settings.resolve import ConfiguredSites


def require_site_key(settings: Settings, site: str) -> str:
    """Key of a practice, as in `SiteNames.require_key`. Raises ValueError that says what to write."""
    names = configured_site_names(settings)
    try:
        return names.require_key(site)
    except Failure:
        raise ValueError(_text_for_unknown(settings, site, site in names.halo_mounts)) from None


def require_served(settings: Settings, guid: str) -> None:
    """Raise ValueError for a practice that the gateway would not serve: a mistyped GUID."""
    try:
        configured_site_names(settings).require_served(guid)
    except Failure as failure:
        raise ValueError(failure.text) from None


def _text_for_unknown(settings: Settings, site: str, is_halo_mount: bool) -> str:
    if is_halo_mount:
        return f"{site} is an upstream of many practices: name one of them, as in {site}/<GUID or alias>"
    return ConfiguredSites(settings).text_for_unknown(site)
