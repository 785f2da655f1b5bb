"""Circuit breaker per site, and per caller at a site.

The open time doubles with each failure. One trial request, or a free status check, ends it. Failures open the
circuit of their caller at the site; the site's own opens when two callers fail that the upstream has served
before, without a response to any caller in between. A desktop device is one caller, whatever its tokens.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from uuid import uuid4

import structlog
from cachetools import TTLCache

from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest, FhirResponse, Handler, Site, UpstreamUse
from gateway.http.callers import keyed_fingerprint, ledger_label
from gateway.resilience.backoff import ExponentialBackoff
from gateway.resilience.circuit import (
    CIRCUIT_OPEN,
    CLOSED,
    REPORTED_BY_SITE_STATUS,
    Circuit,
    CircuitNames,
    breaker_reason,
    circuit_after_failure,
    circuit_after_response,
    circuit_open_failure,
    practice_responded,
    shows_an_outage,
    worse_circuit,
)
from gateway.stores.base import Store
from gateway.stores.replicated import ReplicatedValues

_log = structlog.get_logger()
#: Returns whether a site is online, without a billed query; None if that is unknown.
StatusCheck = Callable[[FhirRequest], Awaitable[bool | None]]

#: Seconds after which another trial may start: a slow one must not keep the others out.
_TRIAL_SECONDS = 10.0
_STATUS_CHECK_TIMEOUT = 5.0
#: Sites whose first failing caller is remembered.
_MAX_SITES = 10_000
_RETENTION_SECONDS = 86_400.0
_TRIAL_RETRY_AFTER = 2  # seconds, of requests that arrive during a trial request


async def no_status_check(request: FhirRequest) -> None:
    """Return None: this upstream has no status endpoint."""
    del request


class CircuitRegistry:
    """Circuits of all sites and of their callers, shared through the store."""

    #: Whether a failure of one caller's request says anything about the requests of others.
    is_shared_evidence = staticmethod(shows_an_outage)
    open_kind = CIRCUIT_OPEN

    def __init__(
        self,
        store: Store,
        backoff_policy: ExponentialBackoff,
        clock: Callable[[], float],
        jitter: Callable[[], float],
        secret: bytes = b"",
        is_proved: Callable[[FhirRequest], bool] = lambda _: True,
    ) -> None:
        self._store = store
        self._backoff_policy = backoff_policy
        self._jitter = jitter
        self._secret = secret
        self._is_proved = is_proved
        self._replicated_circuits = ReplicatedValues(
            store, Circuit, "circuit:", clock, lifetime=_RETENTION_SECONDS
        )
        self._failing_callers: TTLCache[str, str] = TTLCache(_MAX_SITES, backoff_policy.max_seconds, clock)
        self.now = clock

    async def circuit_of(self, name: str, *, fresh: bool = False) -> Circuit:
        """Circuit of a site or caller; `fresh`: as the store has it now, not the local copy."""
        return await self._replicated_circuits.get(name, skip_local_copy=fresh) or CLOSED

    def _known_circuit(self, name: str) -> Circuit | None:
        """Circuit in a fresh local copy; None if there is no such copy."""
        copy = self._replicated_circuits.fresh_copy(name)
        return copy and (copy[1] or CLOSED)

    async def troubled_circuits(
        self, sites: Iterable[str] = (), *, only_site: str = ""
    ) -> dict[str, Circuit]:
        """Circuits with recent failures, or of one site: the worst of its own and its callers' here."""
        known = (name for name in self._replicated_circuits.names() if name.startswith(only_site))
        names, circuits = {*sites, *known, only_site} - {""}, dict[str, Circuit]()
        for name, circuit in (await self._replicated_circuits.read_all(names)).items():
            if circuit != CLOSED:
                site = name.partition(":")[0]
                circuits[site] = worse_circuit(circuit, circuits.get(site))
        return circuits

    async def close_circuit(self, site: str) -> None:
        """Close the circuits of a site and of its callers, and forget their failures."""
        self._failing_callers.pop(site, None)
        callers = [name for name in self._replicated_circuits.names() if name.startswith(f"{site}:")]
        for name in (site, *callers):
            await self._replicated_circuits.delete(name)

    def names_of(self, request: FhirRequest, site: Site) -> CircuitNames:
        """Names of the circuits of a request."""
        return CircuitNames(site.guid, f"{site.guid}:{keyed_fingerprint(request.headers, self._secret)}")

    async def require_not_open(self, request: FhirRequest) -> str:
        """Name of the half-open circuit of a request, or empty. Raises Failure 503 if one is open."""
        half_open = ""
        site = request.asked_site
        for name in filter(None, self.names_of(request, site)) if site else ():
            circuit = self._known_circuit(name) or await self.circuit_of(name)
            state = "closed" if circuit is CLOSED else circuit.state(self.now())
            if state == "open":
                raise self.open_failure(circuit, circuit.seconds_until_half_open(self.now()))
            half_open = half_open or (name if state == "half-open" else "")
        return half_open

    def open_failure(self, circuit: Circuit, retry_after: float) -> Failure:
        """Failure of a request that an open circuit stops."""
        return circuit_open_failure(circuit, retry_after, self.open_kind)

    async def record_failure(
        self, request: FhirRequest, site: Site, failure: Failure, started_at: float, tried: str = ""
    ) -> None:
        """Count a failure for the caller if its error code counts, and for the site if two callers failed."""
        names = self.names_of(request, site)
        name = names.circuit_of_failure(failure, tried)
        has_opened = await self._count_failure(site, name, failure, started_at)
        if not (has_opened and self._is_proved(request) and self.is_shared_evidence(request, failure)):
            return
        caller = ledger_label(request.headers)
        if self._failing_callers.setdefault(names.site, caller) != caller:
            await self.reopen(site, names.site, failure, started_at)

    async def reopen(self, site: Site, name: str, failure: Failure, started_at: float) -> None:
        """Open a circuit after one failure, if its error code counts."""
        await self._count_failure(site, name, failure, started_at, opens_at_once=True)

    async def record_response(self, request: FhirRequest, site: Site, started_at: float) -> None:
        """Close the circuits, unless the request started before the last counted failure."""
        names = self.names_of(request, site)
        if names.site in self._failing_callers:
            del self._failing_callers[names.site]
        for name in filter(None, names):
            await self._count_response(site, name, started_at)

    async def _count_failure(
        self, site: Site, name: str, failure: Failure, started_at: float, *, opens_at_once: bool = False
    ) -> bool:
        """Count a failure for one circuit; return whether it opened."""
        jitter, now = self._jitter(), self.now()

        def circuit_after(circuit: Circuit | None) -> Circuit:
            return circuit_after_failure(
                circuit or CLOSED,
                failure,
                started_at,
                now,
                self._backoff_policy,
                jitter=jitter,
                opens_at_once=opens_at_once,
            )

        before = await self.circuit_of(name)
        if circuit_after(before) is before:
            return False
        after = await self._replicated_circuits.update(name, circuit_after) or CLOSED
        has_opened = after.times_opened > 0 and after.last_failure_at == now
        if has_opened:
            seconds = round(after.seconds_until_half_open(now))
            _log.warning(
                "circuit-opened", site=site.name, scope=_scope(name), reason=after.reason, seconds=seconds
            )
        return has_opened

    async def _count_response(self, site: Site, name: str, started_at: float) -> None:
        before = self._known_circuit(name) or await self.circuit_of(name)
        if before is CLOSED or circuit_after_response(before, started_at) is before:
            return
        after = await self._replicated_circuits.update(
            name, lambda circuit: _none_if_closed(circuit, started_at)
        )
        if before.times_opened and after is None:
            _log.info("circuit-closed", site=site.name, scope=_scope(name), reason=before.reason)

    async def claim_trial(self, name: str, holder: str) -> bool:
        """Acquire the trial lock of a circuit; return whether this request is now the trial request."""
        return await self._store.acquire_lock(f"circuit-trial:{name}", holder, _TRIAL_SECONDS)

    async def end_trial(self, name: str, holder: str) -> None:
        """Release the trial lock of a circuit."""
        await self._store.release_lock(f"circuit-trial:{name}", holder)

    def may_try(self, request: FhirRequest, name: str, circuit: Circuit) -> bool:
        """Whether a request may be the trial: a proved caller's first, so that a stranger cannot take it."""
        is_late = self.now() - circuit.open_until > _TRIAL_SECONDS
        return is_late or ":" in name or self._is_proved(request)


class CircuitBreaker:
    """Rejects requests with 503 while the circuit of their site or caller is open, without a query.

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
        site = request.asked_site
        if site is None:
            return await self._inner(request)
        half_open = await self._circuits.require_not_open(request)
        if half_open:
            return await self._run_trial(request, site, half_open)
        return await self._run_recorded(request, site)

    async def _run_recorded(self, request: FhirRequest, site: Site, tried: str = "") -> FhirResponse:
        """Call the inner handler and count its result; a failed trial reopens the circuit that was tried."""
        started = self._circuits.now()
        try:
            response = await self._inner(request)
        except Failure as failure:
            if practice_responded(failure):
                await self._record_response(request, site, started)
            else:
                await self._circuits.record_failure(request, site, failure, started, tried)
                if tried == site.guid and self._circuits.is_shared_evidence(request, failure):
                    await self._circuits.reopen(site, tried, failure, started)
            raise
        await self._record_response(request, site, started)
        return response

    async def _record_response(self, request: FhirRequest, site: Site, started: float) -> None:
        """Close the circuits, unless Halo Cloud answered before it asked the practice."""
        if not request.interaction.is_queued:
            await self._circuits.record_response(request, site, started)

    async def _run_trial(self, request: FhirRequest, site: Site, name: str) -> FhirResponse:
        holder, circuit = uuid4().hex, await self._circuits.circuit_of(name)
        if not self._circuits.may_try(request, name, circuit):
            raise self._circuits.open_failure(circuit, _TRIAL_RETRY_AFTER)
        if not await self._circuits.claim_trial(name, holder):
            return await self._run_unless_open(request, site, name)
        try:
            await self._circuits.circuit_of(name, fresh=True)
            await self._circuits.require_not_open(request)
            await self._require_online(request, site, name)
            return await self._run_recorded(request, site, name)
        finally:
            await self._circuits.end_trial(name, holder)

    async def _run_unless_open(self, request: FhirRequest, site: Site, name: str) -> FhirResponse:
        """Run the request if another trial request has just closed the circuit. Raises Failure 503."""
        circuit = await self._circuits.circuit_of(name)
        if circuit.state(self._circuits.now()) != "closed":
            raise self._circuits.open_failure(circuit, _TRIAL_RETRY_AFTER)
        return await self._run_recorded(request, site)

    async def _require_online(self, request: FhirRequest, site: Site, name: str) -> None:
        """Reopen the circuit and raise Failure 503 if the status check shows that the site is offline."""
        circuit = await self._circuits.circuit_of(name)
        if circuit.reason not in REPORTED_BY_SITE_STATUS or await self._is_online(request) is not False:
            return
        now = self._circuits.now()
        await self._circuits.reopen(site, name, self._circuits.open_failure(circuit, 1), now)
        reopened = await self._circuits.circuit_of(name)
        seconds = reopened.seconds_until_half_open(self._circuits.now())
        raise self._circuits.open_failure(reopened, seconds).with_upstream_use(
            UpstreamUse(1)
        )  # the status check

    async def _is_online(self, request: FhirRequest) -> bool | None:
        try:
            async with asyncio.timeout(_STATUS_CHECK_TIMEOUT):
                return await self._status_check(request)
        except Failure as failure:
            return False if breaker_reason(failure) in REPORTED_BY_SITE_STATUS else None
        except TimeoutError:
            return None


def _scope(name: str) -> str:
    return "caller-at-site" if ":" in name else "site"


def _none_if_closed(circuit: Circuit | None, started_at: float) -> Circuit | None:
    return None if circuit is None or circuit_after_response(circuit, started_at) is CLOSED else circuit
