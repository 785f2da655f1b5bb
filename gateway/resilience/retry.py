"""Sends a failed read again where that can help, within the client's patience and the site's budget."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest, FhirResponse, Handler, may_write
from gateway.resilience.backoff import ExponentialBackoff
from gateway.resilience.circuit import upstream_retry_after
from gateway.resilience.retry_budget import RetryBudget
from gateway.resilience.retry_policy import max_retries

_log = structlog.get_logger()
#: How often the upstream was asked, where that is more than once.
ATTEMPTS_HEADER = "gateway-attempts"
_FREE_INTERACTIONS = frozenset({"capabilities"})


class Retry:
    """The upstream's answer, at the second or third attempt if need be.

    `unanswered`: reads that timed out or broke off are sent once more, too. Waits are drawn from zero to a
    doubling cap (full jitter), but never shorter than the upstream asks; what would outlast the client's
    `patience`, the seconds it will wait still, is not waited for.
    """

    def __init__(  # noqa: PLR0913 - its collaborators, each once
        self,
        inner: Handler,
        budget: RetryBudget,
        backoff_policy: ExponentialBackoff,
        remaining_wait: Callable[[FhirRequest], float],
        *,
        clock: Callable[[], float],
        jitter: Callable[[], float],
        retry_on_timeout: bool = False,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._inner = inner
        self._budget = budget
        self._backoff_policy = backoff_policy
        self._remaining_wait = remaining_wait
        self._clock = clock
        self._jitter = jitter
        self._retry_on_timeout = retry_on_timeout
        self._sleep = sleep

    async def __call__(self, request: FhirRequest) -> FhirResponse:
        """The answer; `Gateway-Attempts` says how many were made if not one. Raises Failure."""
        attempts = 0
        while True:
            attempts, started = attempts + 1, self._clock()
            try:
                response = await self._send_attempt(request)
            except Failure as failure:
                wait = await self._retry_delay(request, failure, attempts)
                if wait is None:
                    request.wait_clock.exclude(self._clock() - started)
                    failure.headers += _attempts_header(attempts)
                    raise
                await self._sleep(wait)
            else:
                request.wait_clock.exclude(self._clock() - started)
                return response.replace(headers=(*response.headers, *_attempts_header(attempts)))

    async def _send_attempt(self, request: FhirRequest) -> FhirResponse:
        sent = True
        try:
            return await self._inner(request)
        except Failure as failure:
            sent = failure.kind.may_have_run
            raise
        finally:
            if sent and request.interaction.code not in _FREE_INTERACTIONS:
                await self._budget.count_query(_site_guid(request))

    async def _retry_delay(self, request: FhirRequest, failure: Failure, attempts: int) -> float | None:
        """Seconds until the next attempt; None when there is none."""
        if may_write(request) or attempts > max_retries(failure, retry_on_timeout=self._retry_on_timeout):
            return None
        wait = max(
            self._jitter() * self._backoff_policy.wait_seconds(attempts), upstream_retry_after(failure) or 0.0
        )
        if wait > self._remaining_wait(request) or not await self._budget.spend_retry(_site_guid(request)):
            return None
        _log.info("retry", code=failure.kind.code, attempt=attempts, request_id=request.request_id)
        return wait


def _site_guid(request: FhirRequest) -> str:
    return request.site.guid if request.site else ""


def _attempts_header(attempts: int) -> tuple[tuple[str, str], ...]:
    return ((ATTEMPTS_HEADER, str(attempts)),) if attempts > 1 else ()
