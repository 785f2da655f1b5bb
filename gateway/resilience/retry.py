"""Sends a failed read again where that can help, within the client's patience and the site's budget."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest, FhirResponse, Handler, may_write
from gateway.resilience.backoff import Doubling
from gateway.resilience.circuit import wait_asked
from gateway.resilience.retry_budget import Spending
from gateway.resilience.retry_policy import allowed

_log = structlog.get_logger()
#: How often the upstream was asked, where that is more than once.
ATTEMPTS = "gateway-attempts"
_FREE = frozenset({"capabilities"})


class Retried:
    """The upstream's answer, at the second or third attempt if need be.

    `unanswered`: reads that timed out or broke off are sent once more, too. Waits are drawn from zero to a
    doubling cap (full jitter), but never shorter than the upstream asks; what would outlast the client's
    `patience`, the seconds it will wait still, is not waited for.
    """

    def __init__(  # noqa: PLR0913 - its collaborators, each once
        self,
        inner: Handler,
        spending: Spending,
        doubling: Doubling,
        patience: Callable[[FhirRequest], float],
        *,
        clock: Callable[[], float],
        chance: Callable[[], float],
        unanswered: bool = False,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._inner = inner
        self._spending = spending
        self._doubling = doubling
        self._patience = patience
        self._clock = clock
        self._chance = chance
        self._unanswered = unanswered
        self._sleep = sleep

    async def __call__(self, request: FhirRequest) -> FhirResponse:
        """The answer; `Gateway-Attempts` says how many were made if not one. Raises Failure."""
        attempts = 0
        while True:
            attempts, started = attempts + 1, self._clock()
            try:
                response = await self._attempt(request)
            except Failure as failure:
                wait = await self._wait(request, failure, attempts)
                if wait is None:
                    request.waiting.asked(self._clock() - started)
                    failure.headers += _told(attempts)
                    raise
                await self._sleep(wait)
            else:
                request.waiting.asked(self._clock() - started)
                return response.changed(headers=(*response.headers, *_told(attempts)))

    async def _attempt(self, request: FhirRequest) -> FhirResponse:
        sent = True
        try:
            return await self._inner(request)
        except Failure as failure:
            sent = failure.kind.sent
            raise
        finally:
            if sent and request.interaction.code not in _FREE:
                await self._spending.query(_site(request))

    async def _wait(self, request: FhirRequest, failure: Failure, attempts: int) -> float | None:
        """Seconds until the next attempt; None when there is none."""
        if may_write(request) or attempts > allowed(failure, unanswered=self._unanswered):
            return None
        wait = max(self._chance() * self._doubling.wait(attempts), wait_asked(failure) or 0.0)
        if wait > self._patience(request) or not await self._spending.retry(_site(request)):
            return None
        _log.info("retry", code=failure.kind.code, attempt=attempts, request_id=request.request_id)
        return wait


def _site(request: FhirRequest) -> str:
    return request.site.guid if request.site else ""


def _told(attempts: int) -> tuple[tuple[str, str], ...]:
    return ((ATTEMPTS, str(attempts)),) if attempts > 1 else ()
