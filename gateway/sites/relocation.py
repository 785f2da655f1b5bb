"""Finds a practice's new GUID after "not authoritative" and uses it if `follow_relocation` is set."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from functools import partial
from uuid import uuid4

import structlog
from cachetools import TTLCache
from msgspec import Raw

from gateway.errors.failure import Failure, call_after
from gateway.exchange import FhirRequest, FhirResponse, Handler, Site, may_repeat
from gateway.fhir.raw_json import UnreadableError
from gateway.fhir.server_urls import UrlMapper, rewrite_server_urls
from gateway.http.callers import keyed_fingerprint
from gateway.sites.directory import PmsIdentity
from gateway.stores.base import Store
from gateway.stores.lock import hold_lock
from gateway.stores.replicated import ReplicatedValues
from gateway.upstreams.halo_failures import NOT_AUTHORITATIVE

_log = structlog.get_logger()

_URL_HEADERS = frozenset({"location", "content-location", "link"})
#: Lifetime of a successor in the store, in seconds: a day, in which the operator can configure it.
_RETENTION_SECONDS = 86_400.0
#: Seconds between two lookups of a GUID, and the time limit of one.
_LOOKUP_INTERVAL_SECONDS, _LOOKUP_TIMEOUT_SECONDS = 900.0, 10.0
#: New GUIDs and callers served there that are remembered: only their refusal ends the use of the GUID.
_MAX_SERVED = 4_096
#: Lock timeout in seconds. The replica that looks up renews it; if the replica crashes, the lock expires.
_LOCK_SECONDS = 3.0


#: Text for a write or a SQL query, which is not sent twice.
_FOUND_TEXT = (
    "The practice has a new Halo GUID, which the gateway has just found and uses from now on. This request"
    " was not carried out. Send it again after the time in Retry-After."
)
SuccessorLookup = Callable[[FhirRequest, PmsIdentity], Awaitable[str]]


class SiteRelocation:
    """Sends requests to a practice's new GUID if the operator configured its PMS id and `follow_relocation`.

    `identity_of` returns the configured identity of a GUID, `lookup_successor` finds the new GUID, never of a
    site with another PMS id. A failed write or SQL query is not sent again; the next goes to the new GUID.
    """

    def __init__(
        self,
        inner: Handler,
        store: Store,
        identity_of: Callable[[str], PmsIdentity | None],
        lookup_successor: SuccessorLookup,
        clock: Callable[[], float],
        secret: bytes = b"",
    ) -> None:
        self._inner = inner
        self._store = store
        self._identity_of = identity_of
        self._lookup_successor = lookup_successor
        self._secret = secret
        self._served: TTLCache[tuple[str, str], None] = TTLCache(_MAX_SERVED, _RETENTION_SECONDS, clock)
        self._successors = ReplicatedValues(store, str, "successor:", clock, lifetime=_RETENTION_SECONDS)

    async def __call__(self, request: FhirRequest) -> FhirResponse:
        """Return the response. Raises Failure 403 if the GUID changed and no new GUID may be used."""
        site = request.site
        identity = self._identity_of(site.guid) if site else None
        if site is None or identity is None:
            return await self._inner(request)
        stored = await self._successors.get(site.guid) if identity.follow_relocation else None
        try:
            return await (self._send_to_guid(request, site, stored) if stored else self._inner(request))
        except Failure as failure:
            if failure.kind.code != NOT_AUTHORITATIVE.code:
                raise
            if stored and (stored, self._caller_of(request)) in self._served:
                await self._successors.delete(site.guid)
            new = await self._find_successor(request, site, identity)
            if new in {"", stored} or not identity.follow_relocation:
                raise
            if not may_repeat(request):
                raise failure.with_retry_after(1, _FOUND_TEXT) from failure.__cause__
            use = failure.upstream_use
        send = partial(self._send_to_guid, site=site, guid=new)
        return await call_after(use, send, request.with_used_permit())

    async def known_successor(self, guid: str) -> str:
        """Return the new GUID of a site, for the operator to configure; empty if none."""
        return await self._successors.get(guid) or ""

    async def _send_to_guid(self, request: FhirRequest, site: Site, guid: str) -> FhirResponse:
        response = await self._inner(to_guid(request, guid))
        self._served[guid, self._caller_of(request)] = None
        is_sql = request.interaction.code == "sql"
        return from_guid(response, guid, site.guid, keep_body=is_sql)

    async def _find_successor(self, request: FhirRequest, site: Site, identity: PmsIdentity) -> str:
        lock, holder = f"successor-look:{site.guid}", uuid4().hex
        if await self._store.acquire_lock(lock, holder, _LOCK_SECONDS):
            async with hold_lock(self._store, lock, holder, _LOCK_SECONDS):
                if await self._store.get(self._looked_name(request, site)) is None:
                    return await self._learn_successor(request, site, identity)
        return await self._successors.get(site.guid, skip_local_copy=True) or ""

    async def _learn_successor(self, request: FhirRequest, site: Site, identity: PmsIdentity) -> str:
        new = await self._lookup_with_timeout(request, identity)
        if new:
            await self._successors.set(site.guid, new)
        if new is not None:  # a failure is no knowledge: the next refusal looks again
            await self._store.set(self._looked_name(request, site), b"1", _LOOKUP_INTERVAL_SECONDS)
        _log.error(
            "site-relocated",
            site=site.name,
            found=bool(new),
            followed=bool(new) and identity.follow_relocation,
        )
        return new or ""

    def _looked_name(self, request: FhirRequest, site: Site) -> str:
        """Name of a lookup: another caller may see other sites in the directory."""
        return f"successor-looked:{site.guid}:{self._caller_of(request)}"

    def _caller_of(self, request: FhirRequest) -> str:
        return keyed_fingerprint(request.headers, self._secret)

    async def _lookup_with_timeout(self, request: FhirRequest, identity: PmsIdentity) -> str | None:
        """Return the new GUID, empty if there is none; None if the directory did not say."""
        try:
            async with asyncio.timeout(_LOOKUP_TIMEOUT_SECONDS):
                return await self._lookup_successor(request, identity)
        except (Failure, TimeoutError):
            return None


def to_guid(request: FhirRequest, guid: str) -> FhirRequest:
    """Return the request to the same practice under another GUID."""
    old = request.site.guid if request.site else ""
    if request.interaction.code == "sql":
        api, _, rest = request.path.partition("/sites/")
        return request.replace(path=f"{api}/sites/{guid}{rest[len(old) :]}")
    return request.replace(upstream_base=request.upstream_base.replace(f"/sites/{old}/", f"/sites/{guid}/"))


def from_guid(
    response: FhirResponse, guid: str, client_guid: str, *, keep_body: bool = False
) -> FhirResponse:
    """Return the response with the URLs of its site under the client's GUID; other text stays.

    `keep_body`: rows of a SQL query must not change, whatever they contain.
    """
    site_path = re.compile(rf"(/sites/){guid}(?=[/?#>]|$)", re.IGNORECASE)

    def rename(url: str, field: str = "") -> str:
        del field
        return site_path.sub(rf"\g<1>{client_guid}", url, count=1)

    return response.replace(
        headers=tuple(
            (name, rename(value) if name in _URL_HEADERS else value) for name, value in response.headers
        ),
        body=response.body
        if keep_body
        else _rename_in_body(response.body, (guid.encode(), guid.upper().encode()), rename),
    )


def _rename_in_body(body: bytes, needles: tuple[bytes, ...], rename: UrlMapper) -> bytes:
    """Return the body with its server URLs renamed; unchanged if it is not JSON."""
    if not body.lstrip().startswith(b"{"):
        return body
    try:
        return bytes(rewrite_server_urls(Raw(body), needles, rename))
    except UnreadableError:
        return body
