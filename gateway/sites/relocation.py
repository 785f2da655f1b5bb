"""Looks a practice's new GUID up once when the old one is no longer authoritative, and follows if told to."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import NamedTuple
from uuid import uuid4

import structlog

from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest, FhirResponse, Handler, Site, may_write
from gateway.stores.base import Store
from gateway.stores.lock import held
from gateway.stores.replicated import Remembered
from gateway.upstreams.halo_failures import NOT_AUTHORITATIVE

_log = structlog.get_logger()

_KEPT = 86_400.0
#: Seconds until a GUID may be looked up again.
_AGAIN = 900.0
_LOOK = 10.0
#: Seconds of the lease that the one who looks renews: a replica killed meanwhile blocks the next no longer.
_LEASE = 3.0


class Practice(NamedTuple):
    """What a practice keeps when its GUID changes: the id and product name of its practice software.

    `follow`: go on with the new GUID; else only say that there is one.
    """

    pms_id: str
    pms_name: str
    follow: bool = False


Successor = Callable[[FhirRequest, Practice], Awaitable[str]]


class Relocated:
    """The inner answer, under the practice's new GUID where the operator named its PMS id and wants that.

    `practice` gives what is configured for a GUID, `successor` finds the new one. Never a site with another
    PMS id. A change is not sent again; the next one goes to the new GUID at once.
    """

    def __init__(
        self,
        inner: Handler,
        store: Store,
        practice: Callable[[str], Practice | None],
        successor: Successor,
        clock: Callable[[], float],
    ) -> None:
        self._inner = inner
        self._store = store
        self._practice = practice
        self._successor = successor
        self._known = Remembered(store, str, "successor:", clock, lifetime=_KEPT)

    async def __call__(self, request: FhirRequest) -> FhirResponse:
        """The answer. Raises Failure 403 when the GUID has changed and is not, or cannot be, followed."""
        site = request.site
        practice = self._practice(site.guid) if site else None
        if site is None or practice is None:
            return await self._inner(request)
        known = await self._known.get(site.guid) if practice.follow else None
        try:
            return await (self._there(request, site, known) if known else self._inner(request))
        except Failure as failure:
            if failure.kind.code != NOT_AUTHORITATIVE.code:
                raise
            if known:
                await self._known.delete(site.guid)
            new = await self._found(request, site, practice)
            if not new or not practice.follow or may_write(request):
                raise
        return await self._there(request, site, new)

    async def successor(self, guid: str) -> str:
        """The new GUID found for a site, for its operator to configure; empty when there is none."""
        return await self._known.get(guid) or ""

    async def _there(self, request: FhirRequest, site: Site, guid: str) -> FhirResponse:
        return back(await self._inner(at(request, guid)), guid, site.guid)

    async def _found(self, request: FhirRequest, site: Site, practice: Practice) -> str:
        lease, holder = f"successor-look:{site.guid}", uuid4().hex
        if await self._store.claim(lease, holder, _LEASE):
            async with held(self._store, lease, holder, _LEASE):
                if await self._store.get(f"successor-looked:{site.guid}") is None:
                    return await self._learnt(request, site, practice)
        return await self._known.get(site.guid, fresh=True) or ""

    async def _learnt(self, request: FhirRequest, site: Site, practice: Practice) -> str:
        new = await self._looked(request, practice)
        if new:
            await self._known.set(site.guid, new)
        await self._store.set(f"successor-looked:{site.guid}", b"1", _AGAIN)
        _log.error("site-moved", site=site.name, found=bool(new), followed=bool(new) and practice.follow)
        return new

    async def _looked(self, request: FhirRequest, practice: Practice) -> str:
        try:
            async with asyncio.timeout(_LOOK):
                return await self._successor(request, practice)
        except (Failure, TimeoutError):
            return ""


def at(request: FhirRequest, guid: str) -> FhirRequest:
    """The request to the same practice under another GUID."""
    old = request.site.guid if request.site else ""
    return request.changed(upstream_base=request.upstream_base.replace(f"/sites/{old}/", f"/sites/{guid}/"))


def back(response: FhirResponse, guid: str, known: str) -> FhirResponse:
    """The answer with its own URLs under the GUID that the client knows."""
    theirs, ours = f"/sites/{guid}/", f"/sites/{known}/"
    return response.changed(
        headers=tuple((name, value.replace(theirs, ours)) for name, value in response.headers),
        body=response.body.replace(theirs.encode(), ours.encode()),
    )
