"""What a plugin and the gateway agree on: version, names of entry points, namespaces of ids."""

import re
from typing import Final

#: Version of everything that `halo_gateway` exports. A plugin's module states the one it was written for.
API_VERSION: Final = 1
#: Name of the module attribute with that version.
VERSION_ATTRIBUTE: Final = "HALO_GATEWAY_API"
REPAIRS_GROUP: Final = "halo_gateway.repairs"
UPSTREAMS_GROUP: Final = "halo_gateway.upstreams"
#: Separates the package from the id of an issue, or from the name of a dialect.
SEPARATOR: Final = ":"
_ID: Final = re.compile(r"[a-z][a-z0-9-]{0,60}")


class PluginError(ValueError):
    """Plugins that cannot be used. The text names each with what to do."""


def normal_name(package: str) -> str:
    """Return the name of a package in its normal form (PEP 503)."""
    return re.sub(r"[-_.]+", "-", package).lower()


def with_namespace(package: str, name: str) -> str:
    """Return the id `package:name`. Raises PluginError for a malformed id, or one of another package."""
    own, separator, rest = name.rpartition(SEPARATOR)
    if separator and own != package:
        raise PluginError(f"{package}: the id {name!r} begins with another name than that of its package")
    if not _ID.fullmatch(rest):
        raise PluginError(f"{package}: the id {name!r} must be lower-case letters, digits and hyphens")
    return f"{package}{SEPARATOR}{rest}"
