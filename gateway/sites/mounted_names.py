"""Names that tell the practices of a second Halo Connect, `upstreams.<name>`, from those of the first.

A practice has the name of its mount before its own: `mnt/bne` in the log, `mnt/<GUID>` as its key for
operators. A mount that is one site is its own name, and the first Halo Connect has none.
"""

from collections.abc import Callable
from dataclasses import replace
from zoneinfo import ZoneInfo

from gateway.exchange import Site


def mounted_name(mount: str, name: str) -> str:
    """Return the name of a practice, or of a pause, at a mount; empty: the first Halo Connect."""
    return f"{mount}/{name}" if mount and name else name


def mount_in(key: str) -> str:
    """Return the mount in the key of a practice; empty if it has none."""
    return key.partition("/")[0] if "/" in key else ""


def guid_in(key: str) -> str:
    """Return the GUID in the key of a practice, or the name of a mount that is one site."""
    return key.rpartition("/")[2]


def split_pause(name: str) -> tuple[str, str]:
    """Return the mount in the name of a pause, and its scope key; no scope contains a slash."""
    mount = mount_in(name.partition(":")[0])
    return mount, name.removeprefix(f"{mount}/") if mount else name


def site_at(mount: str, site: Site) -> Site:
    """Return a site with the name of the mount before its own."""
    return replace(site, name=mounted_name(mount, site.name))


def sites_at(mount: str, find_site: Callable[[str], Site | None]) -> Callable[[str], Site | None]:
    """Return a function that finds the same sites with their names at the mount."""

    def find_mounted_site(guid: str) -> Site | None:
        site = find_site(guid)
        return site and site_at(mount, site)

    return find_mounted_site if mount else find_site


def site_lookup_by_path(
    place_in: Callable[[str], tuple[str, str]], find_site: Callable[[str], Site | None]
) -> Callable[[str], Site | None]:
    """Return a function that finds the site in the path of a URL; `place_in` names its mount and GUID.

    A mount without practices, or whose path names none, is a site itself.
    """

    def site_in_path(path: str) -> Site | None:
        mount, guid = place_in(path)
        if not guid:
            return Site(mount, ZoneInfo("UTC"), mount) if mount else None
        site = find_site(guid)
        return site and site_at(mount, site)

    return site_in_path
