"""Names of sites in the log: alias and id, of a request that was read or of its path alone."""

import re
from collections.abc import Callable, Collection, Mapping
from typing import NamedTuple

from gateway.exchange import FhirRequest, Site
from gateway.http.request_path import GUID_PATTERN
from gateway.settings.site_ids import SiteIds
from gateway.sites.mounted_names import mounted_name

_SITE_IN_PATH = re.compile(rf"(?:\A|/)(?:integrator|desktop)/sites/({GUID_PATTERN})(?:/|\Z)", re.IGNORECASE)
_FHIR_OF_DEFAULT = re.compile(r"/fhir/R4(?:/|\Z)")


class SiteLabel(NamedTuple):
    """Alias of a site, and the beginning of its GUID; a site without an alias has its id as the name."""

    name: str = ""
    id: str = ""


NO_SITE = SiteLabel()


class SiteLabels:
    """Labels of the sites with these aliases by GUID, and of mounted upstreams by path.

    `halo_mounts`: names of those with practices of their own, as in `mnt/bne`.

    A GUID that is not configured has the first eight of its digits, and no other text a label: whatever
    clients make up, the log names no more of it.
    """

    def __init__(
        self,
        aliases: Mapping[str, str] | None = None,
        ids: Callable[[str], str] | None = None,
        mounts: Mapping[str, str] | None = None,
        default_guid: str = "",
        halo_mounts: Collection[str] = (),
    ) -> None:
        self._aliases = aliases or {}
        self._ids = ids or SiteIds()
        self._mounts = tuple((f"{path}/", name) for path, name in (mounts or {}).items())
        self._default_guid = default_guid
        self._halo_mounts = tuple(
            (path, name) for path, name in (mounts or {}).items() if name in halo_mounts
        )

    def label_of(self, request: FhirRequest) -> SiteLabel:
        """Label of a request's site; of a request to Halo Cloud, that of the site in its path."""
        site = request.site
        if site:
            return self.of_site(site)
        label, mount = self._of_own_path(request.path), self.mount_of(request)
        return _at_mount(mount, label)

    def mount_of(self, request: FhirRequest) -> str:
        """Name of the second Halo Connect to which a request without a site goes; empty: the first."""
        return next((name for path, name in self._halo_mounts if request.public_base.endswith(path)), "")

    def of_site(self, site: Site) -> SiteLabel:
        """Label of a site; a mounted upstream has no id."""
        return SiteLabel(site.name, "" if site.is_mount else self._ids(site.guid))

    def of_path(self, path: str) -> SiteLabel:
        """Label of the site in the path of a URL, as far as it names one."""
        mount, guid = self.place_in(path)
        return _at_mount(mount, self._of_guid(guid) if guid else NO_SITE)

    def place_in(self, path: str) -> tuple[str, str]:
        """Name of the mounted upstream and GUID of the site in the path of a URL, each empty without one."""
        start, mount = next((each for each in self._mounts if path.startswith(each[0])), ("", ""))
        if mount and all(mount != name for _, name in self._halo_mounts):
            return mount, ""
        return mount, self._guid_in(path[len(start) - 1 :] if mount else path)

    def _of_own_path(self, path: str) -> SiteLabel:
        """Label of the site in a path below that of the upstream."""
        guid = self._guid_in(path)
        return self._of_guid(guid) if guid else NO_SITE

    def _guid_in(self, path: str) -> str:
        found = _SITE_IN_PATH.search(path)
        if found:
            return found[1].lower()
        return self._default_guid if _FHIR_OF_DEFAULT.match(path) else ""

    def _of_guid(self, guid: str) -> SiteLabel:
        return SiteLabel(self._aliases.get(guid) or self._ids(guid), self._ids(guid))


def _at_mount(mount: str, label: SiteLabel) -> SiteLabel:
    """Return the label of a practice at a mount; that of the mount if it names none."""
    return label._replace(name=mounted_name(mount, label.name) or mount) if mount else label
