"""Looks a practice's new GUID up once when the old one is no longer authoritative, and follows if told to."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import NamedTuple
from uuid import uuid4

import structlog

from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest, FhirResponse, Handler, Site, may_write
from gateway.stores.base import Store
from gateway.stores.lock import hold_lock
from gateway.stores.replicated import ReplicatedValues
from gateway.upstreams.halo_failures import NOT_AUTHORITATIVE

_log = structlog.get_logger()

_RETENTION_SECONDS = 86_400.0
#: Seconds until a GUID may be looked up again.
_LOOKUP_INTERVAL_SECONDS = 900.0
_LOOKUP_TIMEOUT_SECONDS = 10.0
#: Seconds of the lease that the one who looks renews: a replica killed meanwhile blocks the next no longer.
_LOCK_SECONDS = 3.0


class PmsIdentity(NamedTuple):
    """What a practice keeps when its GUID changes: the id and product name of its practice software.

    `follow`: go on with the new GUID; else only say that there is one.
    """

    pms_id: str
    pms_name: str
    follow_relocation: bool = False


SuccessorLookup = Callable[[FhirRequest, PmsIdentity], Awaitable[str]]


class SiteRelocation:
    """The inner answer, under the practice's new GUID where the operator named its PMS id and wants that.

    `practice` gives what is configured for a GUID, `successor` finds the new one. Never a site with another
    PMS id. A change is not sent again; the next one goes to the new GUID at once.
    """

    def __init__(
        self,
        inner: Handler,
        store: Store,
        identity_of: Callable[[str], PmsIdentity | None],
        lookup_successor: SuccessorLookup,
        clock: Callable[[], float],
    ) -> None:
        self._inner = inner
        self._store = store
        self._identity_of = identity_of
        self._lookup_successor = lookup_successor
        self._successors = ReplicatedValues(store, str, "successor:", clock, lifetime=_RETENTION_SECONDS)

    async def __call__(self, request: FhirRequest) -> FhirResponse:
        """The answer. Raises Failure 403 when the GUID has changed and is not, or cannot be, followed."""
        site = request.site
        practice = self._identity_of(site.guid) if site else None
        if site is None or practice is None:
            return await self._inner(request)
        known = await self._successors.get(site.guid) if practice.follow_relocation else None
        try:
            return await (self._send_to_guid(request, site, known) if known else self._inner(request))
        except Failure as failure:
            if failure.kind.code != NOT_AUTHORITATIVE.code:
                raise
            if known:
                await self._successors.delete(site.guid)
            new = await self._find_successor(request, site, practice)
            if not new or not practice.follow_relocation or may_write(request):
                raise
        return await self._send_to_guid(request, site, new)

    async def known_successor(self, guid: str) -> str:
        """The new GUID found for a site, for its operator to configure; empty when there is none."""
        return await self._successors.get(guid) or ""

    async def _send_to_guid(self, request: FhirRequest, site: Site, guid: str) -> FhirResponse:
        return from_guid(await self._inner(to_guid(request, guid)), guid, site.guid)

    async def _find_successor(self, request: FhirRequest, site: Site, identity: PmsIdentity) -> str:
        lease, holder = f"successor-look:{site.guid}", uuid4().hex
        if await self._store.acquire_lock(lease, holder, _LOCK_SECONDS):
            async with hold_lock(self._store, lease, holder, _LOCK_SECONDS):
                if await self._store.get(f"successor-looked:{site.guid}") is None:
                    return await self._learn_successor(request, site, identity)
        return await self._successors.get(site.guid, skip_local_copy=True) or ""

    async def _learn_successor(self, request: FhirRequest, site: Site, identity: PmsIdentity) -> str:
        new = await self._lookup_with_timeout(request, identity)
        if new:
            await self._successors.set(site.guid, new)
        await self._store.set(f"successor-looked:{site.guid}", b"1", _LOOKUP_INTERVAL_SECONDS)
        _log.error(
            "site-relocated",
            site=site.name,
            found=bool(new),
            followed=bool(new) and identity.follow_relocation,
        )
        return new

    async def _lookup_with_timeout(self, request: FhirRequest, identity: PmsIdentity) -> str:
        try:
            async with asyncio.timeout(_LOOKUP_TIMEOUT_SECONDS):
                return await self._lookup_successor(request, identity)
        except (Failure, TimeoutError):
            return ""


def to_guid(request: FhirRequest, guid: str) -> FhirRequest:
    """The request to the same practice under another GUID."""
    old = request.site.guid if request.site else ""
    return request.replace(upstream_base=request.upstream_base.replace(f"/sites/{old}/", f"/sites/{guid}/"))


def from_guid(response: FhirResponse, guid: str, client_guid: str) -> FhirResponse:
    """The answer with its own URLs under the GUID that the client knows."""
    theirs, ours = f"/sites/{guid}/", f"/sites/{client_guid}/"
    return response.replace(
        headers=tuple((name, value.replace(theirs, ours)) for name, value in response.headers),
        body=response.body.replace(theirs.encode(), ours.encode()),
    )
