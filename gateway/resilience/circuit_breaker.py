"""Leaves a struggling practice alone: longer after each failure, and one look before all come back."""

import asyncio
import math
from collections.abc import Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager
from uuid import uuid4

import structlog

from gateway.errors.failure import Failure
from gateway.errors.operation_outcome import ERROR_CODE_SYSTEM
from gateway.exchange import FhirRequest, FhirResponse, Handler, Site
from gateway.resilience import circuit as states
from gateway.resilience.backoff import ExponentialBackoff
from gateway.resilience.circuit import CIRCUIT_OPEN, CLOSED, REPORTED_BY_SITE_STATUS, Circuit
from gateway.stores.base import Store
from gateway.stores.lock import hold_lock
from gateway.stores.replicated import ReplicatedValues

_log = structlog.get_logger()
#: Whether a site is online, by a look that costs nothing; None where that cannot be told.
StatusCheck = Callable[[FhirRequest], Awaitable[bool | None]]

#: Seconds of the lease that the one who tries renews: a replica killed meanwhile blocks a site no longer.
_TRIAL_LOCK_SECONDS = 3.0
_STATUS_CHECK_TIMEOUT = 5.0
_RETENTION_SECONDS = 86_400.0
#: Others are asked to come back after this many seconds while one request tries.
_TRIAL_RETRY_AFTER = 2


async def no_status_check(request: FhirRequest) -> None:
    """None: nobody can look."""
    del request


class CircuitRegistry:
    """How each site is, shared through the store."""

    def __init__(
        self,
        store: Store,
        backoff_policy: ExponentialBackoff,
        clock: Callable[[], float],
        jitter: Callable[[], float],
    ) -> None:
        self._store = store
        self._backoff_policy = backoff_policy
        self._jitter = jitter
        self._replicated_circuits = ReplicatedValues(
            store, Circuit, "rest:", clock, lifetime=_RETENTION_SECONDS
        )
        self.now = clock

    async def circuit_of(self, site: str, *, fresh: bool = False) -> Circuit:
        """What is known of a site's trouble; `reason` and `until` say why and how long it is left alone."""
        return await self._replicated_circuits.get(site, skip_local_copy=fresh) or CLOSED

    async def troubled_circuits(self, sites: Iterable[str] = ()) -> dict[str, Circuit]:
        """Every site in trouble that this process has met, and those named."""
        found = {
            each: await self.circuit_of(each, fresh=True)
            for each in {*sites, *self._replicated_circuits.names()}
        }
        return {site: rest for site, rest in found.items() if rest != CLOSED}

    async def close_circuit(self, site: str) -> None:
        """Treat a site as well."""
        await self._replicated_circuits.delete(site)

    async def require_not_open(self, request: FhirRequest) -> Circuit:
        """What is known of a site that may be asked. Raises Failure 503 while it rests."""
        rest = await self.circuit_of(request.site.guid) if request.site else CLOSED
        if rest.state(self.now()) == "open":
            raise circuit_open_failure(rest, rest.seconds_until_half_open(self.now()))
        return rest

    async def record_failure(self, site: Site, failure: Failure, started_at: float) -> None:
        """Count a failure if it says that the practice is in trouble."""
        chance, now = self._jitter(), self.now()

        def circuit_after(circuit: Circuit | None) -> Circuit:
            return states.circuit_after_failure(
                circuit or CLOSED, failure, started_at, now, self._backoff_policy, jitter=chance
            )

        before = await self.circuit_of(site.guid)
        if circuit_after(before) is before:
            return
        after = await self._replicated_circuits.update(site.guid, circuit_after) or CLOSED
        if after.times_opened and after.last_failure_at == now:
            seconds = round(after.seconds_until_half_open(now))
            _log.warning("circuit-opened", site=site.name, reason=after.reason, seconds=seconds)

    async def record_response(self, site: Site, started_at: float) -> None:
        """Note that the practice answered."""
        before = await self.circuit_of(site.guid)
        if before is CLOSED or states.circuit_after_response(before, started_at) is before:
            return
        after = await self._replicated_circuits.update(
            site.guid, lambda rest: _none_if_closed(rest, started_at)
        )
        if before.times_opened and after is None:
            _log.info("circuit-closed", site=site.name, reason=before.reason)

    async def claim_trial(self, site: str, holder: str) -> bool:
        """Whether this request is the one that finds out how the site is."""
        return await self._store.acquire_lock(f"rest-probe:{site}", holder, _TRIAL_LOCK_SECONDS)

    def hold_trial_lock(self, site: str, holder: str) -> AbstractAsyncContextManager[None]:
        """While this lasts nobody else finds out; of a replica that was killed, no longer than a lease."""
        return hold_lock(self._store, f"rest-probe:{site}", holder, _TRIAL_LOCK_SECONDS)


class CircuitBreaker:
    """While a site rests its requests get 503 with Retry-After at once and cost nothing.

    When the pause is over, one request, or a free `look` at the site's status, decides.
    """

    def __init__(
        self, inner: Handler, circuits: CircuitRegistry, status_check: StatusCheck = no_status_check
    ) -> None:
        self._inner = inner
        self._circuits = circuits
        self._status_check = status_check

    async def __call__(self, request: FhirRequest) -> FhirResponse:
        """The inner answer. Raises Failure 503 while the site rests."""
        if request.site is None:
            return await self._inner(request)
        rest = await self._circuits.require_not_open(request)
        if rest.state(self._circuits.now()) == "half-open":
            return await self._run_trial(request, request.site)
        return await self._run_recorded(request, request.site)

    async def _run_recorded(self, request: FhirRequest, site: Site) -> FhirResponse:
        started = self._circuits.now()
        try:
            response = await self._inner(request)
        except Failure as failure:
            if states.practice_responded(failure):
                await self._circuits.record_response(site, started)
            else:
                await self._circuits.record_failure(site, failure, started)
            raise
        await self._circuits.record_response(site, started)
        return response

    async def _run_trial(self, request: FhirRequest, site: Site) -> FhirResponse:
        holder = uuid4().hex
        if not await self._circuits.claim_trial(site.guid, holder):
            return await self._run_unless_open(request, site)
        async with self._circuits.hold_trial_lock(site.guid, holder):
            rest = await self._circuits.circuit_of(site.guid, fresh=True)
            await self._circuits.require_not_open(request)
            await self._require_online(request, site, rest)
            return await self._run_recorded(request, site)

    async def _run_unless_open(self, request: FhirRequest, site: Site) -> FhirResponse:
        """Somebody else finds out, or has just done so."""
        rest = await self._circuits.circuit_of(site.guid)
        if rest.state(self._circuits.now()) != "closed":
            raise circuit_open_failure(rest, _TRIAL_RETRY_AFTER)
        return await self._run_recorded(request, site)

    async def _require_online(self, request: FhirRequest, site: Site, circuit: Circuit) -> None:
        """Raises Failure when a look shows that the site is still away; the pause then goes on, for free."""
        if circuit.reason not in REPORTED_BY_SITE_STATUS or await self._is_online(request) is not False:
            return
        away = circuit_open_failure(circuit, 1)
        await self._circuits.record_failure(site, away, self._circuits.now())
        still = await self._circuits.circuit_of(site.guid)
        raise circuit_open_failure(still, still.seconds_until_half_open(self._circuits.now()))

    async def _is_online(self, request: FhirRequest) -> bool | None:
        try:
            async with asyncio.timeout(_STATUS_CHECK_TIMEOUT):
                return await self._status_check(request)
        except Failure as failure:
            return False if states.breaker_reason(failure) in REPORTED_BY_SITE_STATUS else None
        except TimeoutError:
            return None


def _none_if_closed(circuit: Circuit | None, started_at: float) -> Circuit | None:
    return (
        None if circuit is None or states.circuit_after_response(circuit, started_at) is CLOSED else circuit
    )


def circuit_open_failure(circuit: Circuit, retry_after: float) -> Failure:
    """The Failure that a resting site's requests get, with the reason's code beside ours."""
    why = ((ERROR_CODE_SYSTEM, circuit.reason),) if circuit.reason else ()
    return Failure(CIRCUIT_OPEN, retry_after=max(1, math.ceil(retry_after)), codings=why)
