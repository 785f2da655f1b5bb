"""Pauses: requests that a recent upstream error says cannot succeed are rejected, in the narrowest scope."""

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import structlog

from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest, FhirResponse, Handler
from gateway.http.latest_times import LatestTimes
from gateway.resilience.pause_rules import (
    MAX_PAUSE_SECONDS,
    OWN_SCOPES,
    RULES,
    Pause,
    PauseRule,
    caller_keys,
    matching_rule,
    pause_after_refusal,
    scope_keys,
)
from gateway.resilience.pause_table import active, is_disproved, with_pause, without_disproved
from gateway.stores.base import Store
from gateway.stores.replicated import ReplicatedValues

_log = structlog.get_logger()
#: All pauses are one value in the store: they are few, and operators list them together.
_ALL_PAUSES_KEY: Final = "all"
#: Callers that are remembered as served, and for how many seconds.
_MAX_SERVED: Final = 10_000
_SERVED_SECONDS: Final = 3_600.0
#: Scopes of all callers that do not concern a caller who was served within the hour.
_EXEMPTING_SCOPES: Final = frozenset({"gateway", "site"})


class PauseRegistry:
    """Active pauses, shared through the store; operators can list and clear them.

    A refusal pauses its own caller. It pauses all callers only if two callers were refused alike who had
    both been served within the hour; a response to any caller since then disproves it.
    """

    def __init__(
        self,
        store: Store,
        clock: Callable[[], float],
        rules: Sequence[PauseRule] = (),
        secret: bytes = b"",
        own_rules: Sequence[PauseRule] = RULES,
    ) -> None:
        self._replicated_pauses = ReplicatedValues(
            store, dict[str, Pause], "pauses:", clock, lifetime=MAX_PAUSE_SECONDS
        )
        self._served = LatestTimes(clock, _MAX_SERVED)
        self.now = clock
        self.rules = (*rules, *own_rules)
        self._secret = secret

    async def active_pauses(self) -> dict[str, Pause]:
        """Return the active pauses by scope key."""
        copy = self._replicated_pauses.fresh_copy(_ALL_PAUSES_KEY)
        pauses = copy[1] if copy else await self._replicated_pauses.get(_ALL_PAUSES_KEY)
        return active(pauses, self.now())

    async def clear_pause(self, scope_key: str) -> bool:
        """End a pause; return whether it was active."""
        stored_pauses = await self._replicated_pauses.get(_ALL_PAUSES_KEY, skip_local_copy=True)
        await self._update(lambda stored: {key: stored[key] for key in stored if key != scope_key})
        return scope_key in active(stored_pauses, self.now())

    async def require_not_paused(self, request: FhirRequest) -> None:
        """Raise Failure if a pause applies to the request: the caller's own refusal again, else 503."""
        pauses = await self.active_pauses()
        if not pauses:
            return
        keys = scope_keys(request, self._secret)
        for scope, key in sorted(keys.items(), key=lambda item: item[0] in OWN_SCOPES):
            if key in pauses and not (scope in _EXEMPTING_SCOPES and self._is_served(scope, keys)):
                raise pauses[key].failure(self.now())

    async def record_response(self, request: FhirRequest, started_at: float) -> None:
        """Remember that the caller is served; end what other callers' refusals said of all callers."""
        for key in caller_keys(request, self._secret).values():
            self._served.record(key)
        pauses = await self.active_pauses()
        if not pauses:
            return
        keys = scope_keys(request, self._secret)
        shared = {keys[scope] for scope in OWN_SCOPES if scope in keys}
        if any(is_disproved(key, pause, shared, started_at) for key, pause in pauses.items()):
            await self._update(lambda stored: without_disproved(stored, shared, started_at))

    async def add_matching_pause(self, request: FhirRequest, failure: Failure) -> None:
        """Start a pause if a rule applies to the failure; log it unless it was active already."""
        rule, keys = matching_rule(self.rules, failure), scope_keys(request, self._secret)
        own_key = keys.get(OWN_SCOPES.get(rule.scope, rule.scope)) if rule else None
        if rule is None or own_key is None:
            return
        site, is_proved = request.site.name if request.site else "", self._is_served(rule.scope, keys)
        pause = pause_after_refusal(rule, failure, site, self.now(), keys, is_proved=is_proved)
        before = await self.active_pauses()
        after = await self._update(lambda stored: with_pause(stored, own_key, pause))
        for key in (own_key, pause.shared_scope):
            if key in after and key not in before:
                _log_start(rule, after[key])

    def _is_served(self, scope: str, keys: Mapping[str, str]) -> bool:
        """Whether the caller had a response within the hour: from the upstream, or from the site."""
        key = keys.get("caller" if scope in {"gateway", "caller"} else "caller-at-site")
        return key is not None and self._served.is_within(key, _SERVED_SECONDS)

    async def _update(self, change: Callable[[dict[str, Pause]], dict[str, Pause]]) -> dict[str, Pause]:
        """Change the active pauses in the store, and return them."""
        now = self.now()
        return (
            await self._replicated_pauses.update(_ALL_PAUSES_KEY, lambda stored: change(active(stored, now)))
            or {}
        )


class PauseGate:
    """Rejects requests that a recent upstream error says cannot succeed, and starts such pauses."""

    def __init__(self, inner: Handler, pauses: PauseRegistry) -> None:
        self._inner = inner
        self._pauses = pauses

    async def __call__(self, request: FhirRequest) -> FhirResponse:
        """Call the inner handler. Raises Failure if a pause applies: the caller's own refusal, or 503."""
        await self._pauses.require_not_paused(request)
        started_at = self._pauses.now()
        try:
            response = await self._inner(request)
        except Failure as failure:
            await self._pauses.add_matching_pause(request, failure)
            raise
        if not request.interaction.is_queued:  # else the practice has not been asked yet
            await self._pauses.record_response(request, started_at)
        return response


def _log_start(rule: PauseRule, pause: Pause) -> None:
    """Log a pause; that of a caller who was never served is no alarm: anybody can send a wrong key."""
    alarm = rule.alarm and pause.is_proved
    _log.log(
        logging.ERROR if alarm else logging.WARNING,
        "pause-started",
        rule=rule.id,
        scope=pause.scope,
        site=pause.site,
        alarm=alarm,
        seconds=round(pause.until - pause.since),
    )
