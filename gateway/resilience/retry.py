"""Retries of failed reads, within the deadline of the request and the retry budget of its caller."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from http import HTTPStatus

import structlog

from gateway.errors.failure import Failure
from gateway.exchange import NO_USE, FhirRequest, FhirResponse, Handler, UpstreamUse, may_repeat
from gateway.http.headers import ATTEMPTS_HEADER
from gateway.http.preferences import accepts_asynchronous_response
from gateway.resilience.backoff import ExponentialBackoff
from gateway.resilience.circuit import upstream_retry_after
from gateway.resilience.retry_budget import RetryBudget
from gateway.resilience.retry_policy import NO_RETRY_LIMIT, max_repeats_with_key, max_retries
from gateway.upstreams.failures import RATE_LIMITED
from gateway.upstreams.retry_after import DEFAULT_LIMITS, retry_after_seconds

_log = structlog.get_logger()
_FREE_INTERACTIONS = frozenset({"capabilities"})


class Retry:
    """Sends a failed read again if its error code permits it.

    `retry_on_timeout`: reads that timed out or lost their connection are sent once more, too. Waits are
    random between zero and a maximum that doubles (full jitter), but never shorter than the upstream's
    Retry-After. A retry that would exceed `remaining_wait` seconds is not made. `caller_of` returns the
    caller whose budget a request uses. A POST with one `idempotency_header` is sent once more, with the
    same key. `now` converts a Retry-After date. A request that starts a job is no safe read: it is sent
    again only if it was not sent. A repeat for which the rate has no place gives up: the last failure that
    the upstream caused counts. `max_repeats`: at most so many of one request.
    """

    def __init__(  # noqa: PLR0913 - its collaborators, each once
        self,
        inner: Handler,
        budget: RetryBudget,
        backoff_policy: ExponentialBackoff,
        remaining_wait: Callable[[FhirRequest], float],
        caller_of: Callable[[FhirRequest], str],
        *,
        now: Callable[[], datetime],
        jitter: Callable[[], float],
        retry_on_timeout: bool = False,
        idempotency_header: str = "",
        max_repeats: int = NO_RETRY_LIMIT,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._inner = inner
        self._budget = budget
        self._backoff_policy = backoff_policy
        self._remaining_wait = remaining_wait
        self._caller_of = caller_of
        self._now = now
        self._jitter = jitter
        self._retry_on_timeout = retry_on_timeout
        self._idempotency_header = idempotency_header
        self._max_repeats = max_repeats
        self._sleep = sleep

    async def __call__(self, request: FhirRequest) -> FhirResponse:
        """Response of the last attempt, with `Gateway-Attempts` if there were several. Raises Failure."""
        attempts, use = 1, NO_USE
        last: tuple[Failure, int, UpstreamUse] | None = None
        try:
            while True:
                try:
                    response = await self._send_attempt(request)
                except Failure as failure:
                    if last and _had_no_place(failure):
                        raise _final_failure(*last) from None
                    last = failure, attempts, use
                    wait = await self._retry_delay(request, failure, attempts)
                    if wait is None:
                        raise _final_failure(failure, attempts, use) from failure.__cause__
                    use = use.plus(failure.upstream_use)._replace(seconds=0.0)  # they count as waiting
                    await self._sleep(wait)
                else:
                    if attempts == 1:
                        return response
                    headers = (*response.headers, *_attempts_header(attempts))
                    return response.replace(headers=headers, upstream_use=use.plus(response.upstream_use))
                attempts, request = attempts + 1, request.with_used_permit()
        finally:
            last = None  # else the traceback of a failure would keep it, and its response, alive

    async def _send_attempt(self, request: FhirRequest) -> FhirResponse:
        sent = True
        try:
            return await self._inner(request)
        except Failure as failure:
            sent = failure.kind.may_have_run
            raise
        finally:
            interaction = request.interaction
            is_free = interaction.code in _FREE_INTERACTIONS or not interaction.asks_practice
            if sent and not is_free:
                await self._budget.count_query(_site_guid(request), self._caller_of(request))

    def _max_retries(self, request: FhirRequest, failure: Failure) -> int:
        if may_repeat(request):
            is_final = _is_final_state(request, failure) or _may_have_started_job(request, failure)
            retries = max_retries(failure, retry_on_timeout=self._retry_on_timeout)
            return 0 if is_final else min(retries, self._max_repeats)
        has_key = request.method == "POST" and _has_one_field(request, self._idempotency_header)
        return max_repeats_with_key(failure) if has_key else 0

    async def _retry_delay(self, request: FhirRequest, failure: Failure, attempts: int) -> float | None:
        """Seconds until the next attempt; None if there is none."""
        if attempts > self._max_retries(request, failure):
            return None
        backoff = self._jitter() * self._backoff_policy.wait_seconds(attempts)
        wait = max(backoff, upstream_retry_after(failure) or 0, self._stated_wait(failure))
        if wait > self._remaining_wait(request):
            return None
        if not await self._budget.spend_retry(_site_guid(request), self._caller_of(request)):
            return None
        _log.info("retry", code=failure.kind.code, attempt=attempts, request_id=request.request_id)
        return wait

    def _stated_wait(self, failure: Failure) -> float:
        """Seconds in the upstream's Retry-After, also of a write whose failure advises no repeat."""
        response = failure.upstream_response
        header = response.header("retry-after") if response else ""
        return retry_after_seconds(header, failure.own_words, self._now(), DEFAULT_LIMITS) or 0


def _had_no_place(failure: Failure) -> bool:
    """Whether the gateway did not send a request because its rate has no place."""
    return failure.kind.code == RATE_LIMITED.code and failure.upstream_response is None


def _has_one_field(request: FhirRequest, name: str) -> bool:
    return [key for key, value in request.headers if key == name and value.strip()] == [name]


def _site_guid(request: FhirRequest) -> str:
    return request.site.guid if request.site else ""


def _is_final_state(request: FhirRequest, failure: Failure) -> bool:
    """Whether a poll was answered: the failure is that of the SQL query, and stays."""
    response = failure.upstream_response
    return not request.interaction.asks_practice and response is not None and response.status == HTTPStatus.OK


def _may_have_started_job(request: FhirRequest, failure: Failure) -> bool:
    was_sent = failure.kind.may_have_run or failure.upstream_response is not None
    return was_sent and accepts_asynchronous_response(request)


def _final_failure(failure: Failure, attempts: int, use: UpstreamUse) -> Failure:
    """Failure of the last attempt, with the number of attempts and all upstream requests."""
    if attempts == 1:
        return failure
    return failure.with_headers(*_attempts_header(attempts)).with_upstream_use(use.plus(failure.upstream_use))


def _attempts_header(attempts: int) -> tuple[tuple[str, str], ...]:
    return ((ATTEMPTS_HEADER, str(attempts)),) if attempts > 1 else ()
