"""Stops asking where the upstream said why asking is useless for now, in the narrowest scope that fits."""

import math
from collections.abc import Callable, Sequence

import structlog

from gateway.errors.failure import Failure
from gateway.errors.operation_outcome import CODE_SYSTEM
from gateway.exchange import FhirRequest, FhirResponse, Handler
from gateway.resilience.circuit import wait_asked
from gateway.resilience.pause_rules import PAUSED, RULES, Pause, Rule, found, names
from gateway.stores.base import Store
from gateway.stores.replicated import Remembered

_log = structlog.get_logger()
#: All pauses are one value: few, and listed together.
_ALL = "all"
_MOST = 1_000
_LONGEST = 86_400.0


class Pauses:
    """The pauses in force, shared through the store, visible and liftable."""

    def __init__(
        self,
        store: Store,
        clock: Callable[[], float],
        rules: Sequence[Rule] = (),
        secret: bytes = b"",
    ) -> None:
        self._kept = Remembered(store, dict[str, Pause], "pauses:", clock, lifetime=_LONGEST)
        self._clock = clock
        self.rules = (*rules, *RULES)
        self._secret = secret

    async def every(self) -> dict[str, Pause]:
        """Every pause in force by its name, which says its scope and hides keys and ids."""
        return self._in_force(await self._kept.get(_ALL))

    async def lift(self, name: str) -> bool:
        """End one pause now; whether there was one."""
        was = name in self._in_force(await self._kept.get(_ALL, fresh=True))
        await self._kept.update(_ALL, lambda kept: self._without(kept, name))
        return was

    async def check(self, request: FhirRequest) -> None:
        """Nothing if the request may go. Raises Failure 503 with the cause's code while it is paused."""
        every = await self.every()
        if not every:
            return
        for name in names(request, self._secret).values():
            if name in every:
                raise _refusal(every[name], self._clock())

    async def learn(self, request: FhirRequest, failure: Failure) -> None:
        """Begin a pause if a rule says so."""
        rule = found(self.rules, failure)
        name = names(request, self._secret).get(rule.scope) if rule else None
        if rule is None or name is None:
            return
        now, site = self._clock(), request.site.name if request.site else ""
        seconds = float(wait_asked(failure) or rule.seconds)
        pause = Pause(rule.id, rule.scope, failure.kind.code, site, now, now + min(_LONGEST, seconds))
        known = name in self._in_force(await self._kept.get(_ALL))
        await self._kept.update(_ALL, lambda kept: self._with(kept, name, pause))
        if known:
            return
        level = _log.error if rule.alarm else _log.warning
        level("paused", rule=rule.id, scope=rule.scope, site=site, seconds=round(seconds), alarm=rule.alarm)

    def _in_force(self, kept: dict[str, Pause] | None) -> dict[str, Pause]:
        now = self._clock()
        return {name: pause for name, pause in (kept or {}).items() if pause.until > now}

    def _without(self, kept: dict[str, Pause] | None, name: str) -> dict[str, Pause]:
        return {each: pause for each, pause in self._in_force(kept).items() if each != name}

    def _with(self, kept: dict[str, Pause] | None, name: str, pause: Pause) -> dict[str, Pause]:
        known = self._in_force(kept)
        return known | {name: pause} if len(known) < _MOST or name in known else known


class Paused:
    """The inner answer, unless a pause covers the request."""

    def __init__(self, inner: Handler, pauses: Pauses) -> None:
        self._inner = inner
        self._pauses = pauses

    async def __call__(self, request: FhirRequest) -> FhirResponse:
        """The inner answer. Raises Failure 503 with the cause's code for a paused request."""
        await self._pauses.check(request)
        try:
            return await self._inner(request)
        except Failure as failure:
            await self._pauses.learn(request, failure)
            raise


def _refusal(pause: Pause, now: float) -> Failure:
    seconds = max(1, math.ceil(pause.until - now))
    return Failure(PAUSED, retry_after=seconds, codings=((CODE_SYSTEM, pause.code),))
