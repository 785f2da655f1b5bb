"""Circuit breaker per site.

The open time doubles with each failure. One trial request, or a free status check, ends it.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager
from uuid import uuid4

import structlog

from gateway.errors.failure import Failure
from gateway.errors.operation_outcome import ERROR_CODE_SYSTEM
from gateway.exchange import FhirRequest, FhirResponse, Handler, Site, UpstreamUse
from gateway.resilience.backoff import ExponentialBackoff
from gateway.resilience.circuit import (
    CIRCUIT_OPEN,
    CLOSED,
    REPORTED_BY_SITE_STATUS,
    Circuit,
    breaker_reason,
    circuit_after_failure,
    circuit_after_response,
    practice_responded,
)
from gateway.stores.base import Store
from gateway.stores.lock import hold_lock
from gateway.stores.replicated import ReplicatedValues

_log = structlog.get_logger()
#: Returns whether a site is online, without a billed query; None if that is unknown.
StatusCheck = Callable[[FhirRequest], Awaitable[bool | None]]

#: Lock timeout in seconds. The replica that runs the trial request renews the lock; after a crash it expires.
_TRIAL_LOCK_SECONDS = 3.0
_STATUS_CHECK_TIMEOUT = 5.0
_RETENTION_SECONDS = 86_400.0
#: Retry-After in seconds of requests that arrive during a trial request.
_TRIAL_RETRY_AFTER = 2


async def no_status_check(request: FhirRequest) -> None:
    """Return None: this upstream has no status endpoint."""
    del request


class CircuitRegistry:
    """Circuits of all sites, shared through the store."""

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
            store, Circuit, "circuit:", clock, lifetime=_RETENTION_SECONDS
        )
        self.now = clock

    async def circuit_of(self, site: str, *, fresh: bool = False) -> Circuit:
        """Circuit of a site; `fresh`: as the store has it now, not the local copy."""
        return await self._replicated_circuits.get(site, skip_local_copy=fresh) or CLOSED

    async def troubled_circuits(self, sites: Iterable[str] = ()) -> dict[str, Circuit]:
        """Circuits with recent failures, of the given sites and of all sites that this process has seen."""
        all_sites = {*sites, *self._replicated_circuits.names()}
        circuits = {site: await self.circuit_of(site, fresh=True) for site in all_sites}
        return {site: circuit for site, circuit in circuits.items() if circuit != CLOSED}

    async def close_circuit(self, site: str) -> None:
        """Close the circuit of a site and forget its failures."""
        await self._replicated_circuits.delete(site)

    async def require_not_open(self, request: FhirRequest) -> Circuit:
        """Circuit of the request's site. Raises Failure 503 if it is open."""
        circuit = await self.circuit_of(request.site.guid) if request.site else CLOSED
        if circuit.state(self.now()) == "open":
            raise circuit_open_failure(circuit, circuit.seconds_until_half_open(self.now()))
        return circuit

    async def record_failure(self, site: Site, failure: Failure, started_at: float) -> None:
        """Count a failure if its error code counts for the circuit."""
        jitter, now = self._jitter(), self.now()

        def circuit_after(circuit: Circuit | None) -> Circuit:
            return circuit_after_failure(
                circuit or CLOSED, failure, started_at, now, self._backoff_policy, jitter=jitter
            )

        before = await self.circuit_of(site.guid)
        if circuit_after(before) is before:
            return
        after = await self._replicated_circuits.update(site.guid, circuit_after) or CLOSED
        if after.times_opened and after.last_failure_at == now:
            seconds = round(after.seconds_until_half_open(now))
            _log.warning("circuit-opened", site=site.name, reason=after.reason, seconds=seconds)

    async def record_response(self, site: Site, started_at: float) -> None:
        """Close the circuit, unless the request started before the last counted failure."""
        before = await self.circuit_of(site.guid)
        if before is CLOSED or circuit_after_response(before, started_at) is before:
            return
        after = await self._replicated_circuits.update(
            site.guid, lambda circuit: _none_if_closed(circuit, started_at)
        )
        if before.times_opened and after is None:
            _log.info("circuit-closed", site=site.name, reason=before.reason)

    async def claim_trial(self, site: str, holder: str) -> bool:
        """Acquire the trial lock of a site; return whether this request is now the trial request."""
        return await self._store.acquire_lock(f"circuit-trial:{site}", holder, _TRIAL_LOCK_SECONDS)

    def hold_trial_lock(self, site: str, holder: str) -> AbstractAsyncContextManager[None]:
        """Renew the trial lock as long as the block lasts, then release it."""
        return hold_lock(self._store, f"circuit-trial:{site}", holder, _TRIAL_LOCK_SECONDS)


class CircuitBreaker:
    """Rejects requests to a site with 503 while its circuit is open, without an upstream request.

    When the open time is over, one trial request, or a free status check, closes or reopens the circuit.
    """

    def __init__(
        self, inner: Handler, circuits: CircuitRegistry, status_check: StatusCheck = no_status_check
    ) -> None:
        self._inner = inner
        self._circuits = circuits
        self._status_check = status_check

    async def __call__(self, request: FhirRequest) -> FhirResponse:
        """Call the inner handler. Raises Failure 503 if the circuit is open."""
        if request.site is None:
            return await self._inner(request)
        circuit = await self._circuits.require_not_open(request)
        if circuit.state(self._circuits.now()) == "half-open":
            return await self._run_trial(request, request.site)
        return await self._run_recorded(request, request.site)

    async def _run_recorded(self, request: FhirRequest, site: Site) -> FhirResponse:
        started = self._circuits.now()
        try:
            response = await self._inner(request)
        except Failure as failure:
            if practice_responded(failure):
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
            circuit = await self._circuits.circuit_of(site.guid, fresh=True)
            await self._circuits.require_not_open(request)
            await self._require_online(request, site, circuit)
            return await self._run_recorded(request, site)

    async def _run_unless_open(self, request: FhirRequest, site: Site) -> FhirResponse:
        """Run the request if another trial request has just closed the circuit. Raises Failure 503."""
        circuit = await self._circuits.circuit_of(site.guid)
        if circuit.state(self._circuits.now()) != "closed":
            raise circuit_open_failure(circuit, _TRIAL_RETRY_AFTER)
        return await self._run_recorded(request, site)

    async def _require_online(self, request: FhirRequest, site: Site, circuit: Circuit) -> None:
        """Reopen the circuit and raise Failure 503 if the status check shows that the site is offline."""
        if circuit.reason not in REPORTED_BY_SITE_STATUS or await self._is_online(request) is not False:
            return
        await self._circuits.record_failure(site, circuit_open_failure(circuit, 1), self._circuits.now())
        reopened = await self._circuits.circuit_of(site.guid)
        seconds = reopened.seconds_until_half_open(self._circuits.now())
        raise circuit_open_failure(reopened, seconds).with_upstream_use(UpstreamUse(1))  # the status check

    async def _is_online(self, request: FhirRequest) -> bool | None:
        try:
            async with asyncio.timeout(_STATUS_CHECK_TIMEOUT):
                return await self._status_check(request)
        except Failure as failure:
            return False if breaker_reason(failure) in REPORTED_BY_SITE_STATUS else None
        except TimeoutError:
            return None


def _none_if_closed(circuit: Circuit | None, started_at: float) -> Circuit | None:
    is_closed = circuit is None or circuit_after_response(circuit, started_at) is CLOSED
    return None if is_closed else circuit


def circuit_open_failure(circuit: Circuit, retry_after: float) -> Failure:
    """Failure of a request to a site with an open circuit; its second code is the reason."""
    codings = ((ERROR_CODE_SYSTEM, circuit.reason),) if circuit.reason else ()
    return Failure(CIRCUIT_OPEN, retry_after=max(1, math.ceil(retry_after)), codings=codings)
