"""Leaves a struggling practice alone: longer after each failure, and one look before all come back."""

import asyncio
import math
from collections.abc import Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager
from uuid import uuid4

import structlog

from gateway.errors.failure import Failure
from gateway.errors.operation_outcome import CODE_SYSTEM
from gateway.exchange import FhirRequest, FhirResponse, Handler, Site
from gateway.resilience import circuit
from gateway.resilience.backoff import Doubling
from gateway.resilience.circuit import RESTING, SEEN_IN_STATUS, WELL, Rest
from gateway.stores.base import Store
from gateway.stores.lock import held
from gateway.stores.replicated import Remembered

_log = structlog.get_logger()
#: Whether a site is online, by a look that costs nothing; None where that cannot be told.
Look = Callable[[FhirRequest], Awaitable[bool | None]]

#: Seconds of the lease that the one who tries renews: a replica killed meanwhile blocks a site no longer.
_PROBE = 3.0
_LOOK = 5.0
_FORGOTTEN = 86_400.0
#: Others are asked to come back after this many seconds while one request tries.
_TRYING = 2


async def nowhere(request: FhirRequest) -> None:
    """None: nobody can look."""
    del request


class Rests:
    """How each site is, shared through the store."""

    def __init__(
        self, store: Store, doubling: Doubling, clock: Callable[[], float], chance: Callable[[], float]
    ) -> None:
        self._store = store
        self._doubling = doubling
        self._chance = chance
        self._known = Remembered(store, Rest, "rest:", clock, lifetime=_FORGOTTEN)
        self.now = clock

    async def of(self, site: str, *, fresh: bool = False) -> Rest:
        """What is known of a site's trouble; `reason` and `until` say why and how long it is left alone."""
        return await self._known.get(site, fresh=fresh) or WELL

    async def every(self, sites: Iterable[str] = ()) -> dict[str, Rest]:
        """Every site in trouble that this process has met, and those named."""
        found = {each: await self.of(each, fresh=True) for each in {*sites, *self._known.names()}}
        return {site: rest for site, rest in found.items() if rest != WELL}

    async def lift(self, site: str) -> None:
        """Treat a site as well."""
        await self._known.delete(site)

    async def check(self, request: FhirRequest) -> Rest:
        """What is known of a site that may be asked. Raises Failure 503 while it rests."""
        rest = await self.of(request.site.guid) if request.site else WELL
        if rest.state(self.now()) == "resting":
            raise refusal(rest, rest.left(self.now()))
        return rest

    async def failed(self, site: Site, failure: Failure, started: float) -> None:
        """Count a failure if it says that the practice is in trouble."""
        chance, now = self._chance(), self.now()

        def change(rest: Rest | None) -> Rest:
            return circuit.after_failure(rest or WELL, failure, started, now, self._doubling, chance=chance)

        before = await self.of(site.guid)
        if change(before) is before:
            return
        after = await self._known.update(site.guid, change) or WELL
        if after.rests and after.counted == now:
            seconds = round(after.left(now))
            _log.warning("site-rests", site=site.name, reason=after.reason, seconds=seconds)

    async def answered(self, site: Site, started: float) -> None:
        """Note that the practice answered."""
        before = await self.of(site.guid)
        if before is WELL or circuit.after_answer(before, started) is before:
            return
        after = await self._known.update(site.guid, lambda rest: _healed(rest, started))
        if before.rests and after is None:
            _log.info("site-well", site=site.name, reason=before.reason)

    async def claim(self, site: str, holder: str) -> bool:
        """Whether this request is the one that finds out how the site is."""
        return await self._store.claim(f"rest-probe:{site}", holder, _PROBE)

    def held(self, site: str, holder: str) -> AbstractAsyncContextManager[None]:
        """While this lasts nobody else finds out; of a replica that was killed, no longer than a lease."""
        return held(self._store, f"rest-probe:{site}", holder, _PROBE)


class Rested:
    """While a site rests its requests get 503 with Retry-After at once and cost nothing.

    When the pause is over, one request, or a free `look` at the site's status, decides.
    """

    def __init__(self, inner: Handler, rests: Rests, look: Look = nowhere) -> None:
        self._inner = inner
        self._rests = rests
        self._look = look

    async def __call__(self, request: FhirRequest) -> FhirResponse:
        """The inner answer. Raises Failure 503 while the site rests."""
        if request.site is None:
            return await self._inner(request)
        rest = await self._rests.check(request)
        if rest.state(self._rests.now()) == "half-open":
            return await self._trying(request, request.site)
        return await self._watched(request, request.site)

    async def _watched(self, request: FhirRequest, site: Site) -> FhirResponse:
        started = self._rests.now()
        try:
            response = await self._inner(request)
        except Failure as failure:
            if circuit.answered(failure):
                await self._rests.answered(site, started)
            else:
                await self._rests.failed(site, failure, started)
            raise
        await self._rests.answered(site, started)
        return response

    async def _trying(self, request: FhirRequest, site: Site) -> FhirResponse:
        holder = uuid4().hex
        if not await self._rests.claim(site.guid, holder):
            return await self._behind(request, site)
        async with self._rests.held(site.guid, holder):
            rest = await self._rests.of(site.guid, fresh=True)
            await self._rests.check(request)
            await self._looked(request, site, rest)
            return await self._watched(request, site)

    async def _behind(self, request: FhirRequest, site: Site) -> FhirResponse:
        """Somebody else finds out, or has just done so."""
        rest = await self._rests.of(site.guid)
        if rest.state(self._rests.now()) != "well":
            raise refusal(rest, _TRYING)
        return await self._watched(request, site)

    async def _looked(self, request: FhirRequest, site: Site, rest: Rest) -> None:
        """Raises Failure when a look shows that the site is still away; the pause then goes on, for free."""
        if rest.reason not in SEEN_IN_STATUS or await self._online(request) is not False:
            return
        away = refusal(rest, 1)
        await self._rests.failed(site, away, self._rests.now())
        still = await self._rests.of(site.guid)
        raise refusal(still, still.left(self._rests.now()))

    async def _online(self, request: FhirRequest) -> bool | None:
        try:
            async with asyncio.timeout(_LOOK):
                return await self._look(request)
        except Failure as failure:
            return False if circuit.cause(failure) in SEEN_IN_STATUS else None
        except TimeoutError:
            return None


def _healed(rest: Rest | None, started: float) -> Rest | None:
    return None if rest is None or circuit.after_answer(rest, started) is WELL else rest


def refusal(rest: Rest, seconds: float) -> Failure:
    """The Failure that a resting site's requests get, with the reason's code beside ours."""
    why = ((CODE_SYSTEM, rest.reason),) if rest.reason else ()
    return Failure(RESTING, retry_after=max(1, math.ceil(seconds)), codings=why)
