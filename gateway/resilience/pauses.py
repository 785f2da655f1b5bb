"""Pauses: requests that a recent upstream error says cannot succeed are rejected, in the narrowest scope."""

import math
from collections.abc import Callable, Sequence

import structlog

from gateway.errors.failure import Failure
from gateway.errors.operation_outcome import ERROR_CODE_SYSTEM
from gateway.exchange import FhirRequest, FhirResponse, Handler
from gateway.resilience.circuit import upstream_retry_after
from gateway.resilience.pause_rules import REQUESTS_PAUSED, RULES, Pause, PauseRule, matching_rule, scope_keys
from gateway.stores.base import Store
from gateway.stores.replicated import ReplicatedValues

_log = structlog.get_logger()
#: All pauses are one value in the store: they are few, and operators list them together.
_ALL_PAUSES_KEY = "all"
_MAX_PAUSES = 1_000
_MAX_PAUSE_SECONDS = 86_400.0


class PauseRegistry:
    """Active pauses, shared through the store; operators can list and clear them."""

    def __init__(
        self,
        store: Store,
        clock: Callable[[], float],
        rules: Sequence[PauseRule] = (),
        secret: bytes = b"",
    ) -> None:
        self._replicated_pauses = ReplicatedValues(
            store, dict[str, Pause], "pauses:", clock, lifetime=_MAX_PAUSE_SECONDS
        )
        self._clock = clock
        self.rules = (*rules, *RULES)
        self._secret = secret

    async def active_pauses(self) -> dict[str, Pause]:
        """Return the active pauses by scope key."""
        return self._without_expired(await self._replicated_pauses.get(_ALL_PAUSES_KEY))

    async def clear_pause(self, scope_key: str) -> bool:
        """End a pause; return whether it was active."""
        stored_pauses = await self._replicated_pauses.get(_ALL_PAUSES_KEY, skip_local_copy=True)
        was_active = scope_key in self._without_expired(stored_pauses)
        await self._replicated_pauses.update(
            _ALL_PAUSES_KEY, lambda pauses: self._without_pause(pauses, scope_key)
        )
        return was_active

    async def require_not_paused(self, request: FhirRequest) -> None:
        """Raise Failure 503, with the error code of the cause, if a pause applies to the request."""
        pauses = await self.active_pauses()
        if not pauses:
            return
        for scope_key in scope_keys(request, self._secret).values():
            if scope_key in pauses:
                raise _pause_failure(pauses[scope_key], self._clock())

    async def add_matching_pause(self, request: FhirRequest, failure: Failure) -> None:
        """Start a pause if a rule applies to the failure; log it unless it was active already."""
        rule = matching_rule(self.rules, failure)
        scope_key = scope_keys(request, self._secret).get(rule.scope) if rule else None
        if rule is None or scope_key is None:
            return
        now, site = self._clock(), request.site.name if request.site else ""
        seconds = float(upstream_retry_after(failure) or rule.seconds)
        pause = Pause(
            rule.id, rule.scope, failure.kind.code, site, now, now + min(_MAX_PAUSE_SECONDS, seconds)
        )
        was_active = scope_key in await self.active_pauses()
        await self._replicated_pauses.update(
            _ALL_PAUSES_KEY, lambda pauses: self._with_pause(pauses, scope_key, pause)
        )
        if not was_active:
            _log_start(rule, site, seconds)

    def _without_expired(self, pauses: dict[str, Pause] | None) -> dict[str, Pause]:
        now = self._clock()
        return {key: pause for key, pause in (pauses or {}).items() if pause.until > now}

    def _without_pause(self, pauses: dict[str, Pause] | None, scope_key: str) -> dict[str, Pause]:
        return {key: pause for key, pause in self._without_expired(pauses).items() if key != scope_key}

    def _with_pause(self, pauses: dict[str, Pause] | None, scope_key: str, pause: Pause) -> dict[str, Pause]:
        active = self._without_expired(pauses)
        has_room = len(active) < _MAX_PAUSES or scope_key in active
        return active | {scope_key: pause} if has_room else active


class PauseGate:
    """Rejects requests that a recent upstream error says cannot succeed, and starts such pauses."""

    def __init__(self, inner: Handler, pauses: PauseRegistry) -> None:
        self._inner = inner
        self._pauses = pauses

    async def __call__(self, request: FhirRequest) -> FhirResponse:
        """Call the inner handler. Raises Failure 503, with the cause's error code, if a pause applies."""
        await self._pauses.require_not_paused(request)
        try:
            return await self._inner(request)
        except Failure as failure:
            await self._pauses.add_matching_pause(request, failure)
            raise


def _log_start(rule: PauseRule, site: str, seconds: float) -> None:
    log = _log.error if rule.alarm else _log.warning
    fields = {"rule": rule.id, "scope": rule.scope, "site": site, "alarm": rule.alarm}
    log("pause-started", **fields, seconds=round(seconds))


def _pause_failure(pause: Pause, now: float) -> Failure:
    seconds = max(1, math.ceil(pause.until - now))
    return Failure(REQUESTS_PAUSED, retry_after=seconds, codings=((ERROR_CODE_SYSTEM, pause.code),))
