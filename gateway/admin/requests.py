"""Strict parsing of operators' requests, and responses to them."""

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from gateway.errors import catalog
from gateway.errors.failure import Failure
from gateway.http.request_path import parse_guid
from gateway.settings.site_ids import SiteIds
from gateway.sites.mounted_names import guid_in, mount_in, mounted_name
from gateway.web import request_checks

T = TypeVar("T")
NO_STORE_HEADERS = {"cache-control": "no-store"}
_MAX_BODY_BYTES = 10_000
#: Text for a site that is none.
INVALID_SITE = "site must be a Halo GUID, or an alias of the configuration."

#: Refusal of a practice of which neither configuration nor state knows.
NOT_SERVED = (
    "The configuration does not name this practice, and sites.default has no time zone: correct the GUID."
)


async def _has_no_state(_: str) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class SiteNames:
    """Aliases of practices, by GUID, and names of mounted upstreams, each of which is one site.

    `halo_mounts`: names of those with practices of their own, whose keys and names begin with it.
    `is_served`: whether the gateway serves the practice of a GUID. `has_state`: whether the practice of a key
    has an open circuit, a pause or load, which requests without dates may give to any practice.
    """

    aliases: Mapping[str, str] = field(default_factory=dict)
    mounts: Collection[str] = ()
    ids: Callable[[str], str] = field(default_factory=SiteIds)
    halo_mounts: Collection[str] = ()
    is_served: Callable[[str], bool] = lambda _: True
    has_state: Callable[[str], Awaitable[bool]] = _has_no_state

    def require_served(self, site: str) -> str:
        """GUID of a practice that the gateway serves, at a mount, too, or a mount. Raises Failure 400.

        The responses of others are never stored, so that a purge of one is that of a mistyped GUID.
        """
        guid = guid_in(self.require_key(site))
        if not self._serves(guid):
            raise bad_request(NOT_SERVED, "site")
        return guid

    async def require_known(self, site: str) -> str:
        """Key of a practice that the gateway serves, or whose state it has. Raises Failure 400.

        Any other is a mistyped GUID, of which there is nothing to show or to change.
        """
        key = self.require_key(site)
        if not self._serves(guid_in(key)) and not await self.has_state(key):
            raise bad_request(NOT_SERVED, "site")
        return key

    def _serves(self, guid: str) -> bool:
        return guid in self.mounts or self.is_served(guid)

    def guid_of(self, site: str) -> str:
        """GUID of an alias; any other text in lower case."""
        return next((guid for guid, name in self.aliases.items() if name == site), site.lower())

    def require_key(self, site: str) -> str:
        """Key of a practice, behind the name of its mount, as in `mnt/bne`. Raises Failure 400."""
        mount, slash, own = site.partition("/")
        if slash and mount in self.halo_mounts and site not in self.aliases.values():
            return mounted_name(mount, self.require_guid(own))
        return self.require_guid(site)

    def require_guid(self, site: str) -> str:
        """GUID of a practice, or name of a mount. Raises Failure 400."""
        if site in self.mounts and site not in self.aliases.values():
            return site
        try:
            return parse_guid(self.guid_of(site))
        except Failure:
            raise bad_request(INVALID_SITE, "site") from None

    def display_name(self, guid: str) -> str:
        """Alias of a practice, or the beginning of its GUID."""
        mount, own = mount_in(guid), guid_in(guid)
        return guid if guid in self.mounts else mounted_name(mount, self.aliases.get(own) or self.ids(own))


def query_parameters(request: Request, allowed_names: Iterable[str]) -> Mapping[str, str]:
    """Return the query parameters. Raises Failure 400 for an unknown parameter."""
    names = list(allowed_names)
    if any(name not in names for name in request.query_params):
        raise bad_request(f"Unknown query parameter. Allowed: {', '.join(names) or 'none'}.")
    return request.query_params


async def json_body(request: Request, body_type: type[T], error_text: str) -> T:
    """Decode the JSON body; an empty body is an empty object. Raises Failure 400 with `error_text`."""
    body = await request_checks.read_body(request, _MAX_BODY_BYTES)
    try:
        return msgspec.json.decode(body or b"{}", type=body_type)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise bad_request(error_text) from None


def json_response(fields: Mapping[str, Any], now: datetime) -> Response:
    """Return a JSON response with its time, `asOf`."""
    body = msgspec.json.encode({"asOf": now.isoformat(), **fields})
    return Response(body, headers=NO_STORE_HEADERS, media_type="application/json")


def utc_timestamp(seconds: float) -> str | None:
    """Convert seconds since 1970 to an ISO timestamp in UTC; None for 0."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds") if seconds else None


def bad_request(text: str, expression: str = "") -> Failure:
    """Failure 400 with a text."""
    return Failure(catalog.BAD_REQUEST, text=text, expression=expression)
