"""Stops asking where the upstream said why asking is useless for now, in the narrowest scope that fits."""

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
#: All pauses are one value: few, and listed together.
_ALL_PAUSES_KEY = "all"
_MAX_PAUSES = 1_000
_MAX_PAUSE_SECONDS = 86_400.0


class PauseRegistry:
    """The pauses in force, shared through the store, visible and liftable."""

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
        """Every pause in force by its name, which says its scope and hides keys and ids."""
        return self._without_expired(await self._replicated_pauses.get(_ALL_PAUSES_KEY))

    async def clear_pause(self, scope_key: str) -> bool:
        """End one pause now; whether there was one."""
        was = scope_key in self._without_expired(
            await self._replicated_pauses.get(_ALL_PAUSES_KEY, skip_local_copy=True)
        )
        await self._replicated_pauses.update(
            _ALL_PAUSES_KEY, lambda kept: self._without_pause(kept, scope_key)
        )
        return was

    async def require_not_paused(self, request: FhirRequest) -> None:
        """Nothing if the request may go. Raises Failure 503 with the cause's code while it is paused."""
        every = await self.active_pauses()
        if not every:
            return
        for name in scope_keys(request, self._secret).values():
            if name in every:
                raise _pause_failure(every[name], self._clock())

    async def add_matching_pause(self, request: FhirRequest, failure: Failure) -> None:
        """Begin a pause if a rule says so."""
        rule = matching_rule(self.rules, failure)
        name = scope_keys(request, self._secret).get(rule.scope) if rule else None
        if rule is None or name is None:
            return
        now, site = self._clock(), request.site.name if request.site else ""
        seconds = float(upstream_retry_after(failure) or rule.seconds)
        pause = Pause(
            rule.id, rule.scope, failure.kind.code, site, now, now + min(_MAX_PAUSE_SECONDS, seconds)
        )
        known = name in self._without_expired(await self._replicated_pauses.get(_ALL_PAUSES_KEY))
        await self._replicated_pauses.update(
            _ALL_PAUSES_KEY, lambda kept: self._with_pause(kept, name, pause)
        )
        if known:
            return
        level = _log.error if rule.alarm else _log.warning
        level(
            "pause-started",
            rule=rule.id,
            scope=rule.scope,
            site=site,
            seconds=round(seconds),
            alarm=rule.alarm,
        )

    def _without_expired(self, pauses: dict[str, Pause] | None) -> dict[str, Pause]:
        now = self._clock()
        return {name: pause for name, pause in (pauses or {}).items() if pause.until > now}

    def _without_pause(self, pauses: dict[str, Pause] | None, scope_key: str) -> dict[str, Pause]:
        return {each: pause for each, pause in self._without_expired(pauses).items() if each != scope_key}

    def _with_pause(self, pauses: dict[str, Pause] | None, scope_key: str, pause: Pause) -> dict[str, Pause]:
        known = self._without_expired(pauses)
        return known | {scope_key: pause} if len(known) < _MAX_PAUSES or scope_key in known else known


class PauseGate:
    """The inner answer, unless a pause covers the request."""

    def __init__(self, inner: Handler, pauses: PauseRegistry) -> None:
        self._inner = inner
        self._pauses = pauses

    async def __call__(self, request: FhirRequest) -> FhirResponse:
        """The inner answer. Raises Failure 503 with the cause's code for a paused request."""
        await self._pauses.require_not_paused(request)
        try:
            return await self._inner(request)
        except Failure as failure:
            await self._pauses.add_matching_pause(request, failure)
            raise


def _pause_failure(pause: Pause, now: float) -> Failure:
    seconds = max(1, math.ceil(pause.until - now))
    return Failure(REQUESTS_PAUSED, retry_after=seconds, codings=((ERROR_CODE_SYSTEM, pause.code),))
