"""Limit on credential failures: made-up keys must not cost upstream requests, nor lock other callers out."""

import asyncio
import math
from collections.abc import Callable

from gateway.errors.catalog import GATEWAY_OVERLOADED, TOO_MANY_CREDENTIAL_FAILURES
from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest, FhirResponse, Handler
from gateway.http.callers import credential
from gateway.http.proved_callers import ProvedCallers, caller_of
from gateway.http.token_requests import is_token_request
from gateway.resilience.credential_failures import (
    CallerFailures,
    CredentialFailures,
    FailureLimits,
    FailureWindow,
)
from gateway.upstreams.failures import CREDENTIALS_INVALID

_REFUSAL_STATUSES = frozenset({401, 403})


class CredentialFailureLimit:
    """Rejects an unproved caller after too many refusals by the upstream (401, 403) in a minute.

    These are `limits.repeats` of its own credential, or `limits.credentials` different ones of its address,
    each of which counts once: one caller's refusals concern no other. Requests in flight count as refusals
    until they end, so that many at once cost no more; the next ones wait for them, at most `remaining_wait`
    seconds. A proved caller is never counted or delayed, and neither is who signs in at a mount.
    """

    def __init__(
        self,
        inner: Handler,
        failures: CredentialFailures,
        proved_callers: ProvedCallers,
        remaining_wait: Callable[[FhirRequest], float],
        clock: Callable[[], float],
        limits: FailureLimits,
    ) -> None:
        self._inner = inner
        self._failures = failures
        self._proved_callers = proved_callers
        self._remaining_wait = remaining_wait
        self._clock = clock
        self._limits = limits

    async def __call__(self, request: FhirRequest) -> FhirResponse:
        """Call the inner handler. Raises Failure 429 after too many refusals."""
        if _is_open_to_all(request):
            return await self._inner(request)
        caller = caller_of(request)
        if not self._proved_callers.is_proved(caller):
            return await self._call_unproved(request, caller)
        try:
            return await self._inner(request)
        except Failure as failure:
            if failure.kind is CREDENTIALS_INVALID:
                self._proved_callers.forget(caller)
            raise

    async def _call_unproved(self, request: FhirRequest, caller: str) -> FhirResponse:
        failures = self._failures.of(request.client_address, caller)
        if not await self._acquire_room(request, caller, failures):
            return await self._inner(request)
        failures.begin_request(self._clock())
        try:
            return await self._inner(request)
        except Failure as failure:
            if _is_refusal(failure):
                failures.add_failure(self._clock())
            raise
        finally:
            failures.end_request()

    async def _acquire_room(self, request: FhirRequest, caller: str, failures: CallerFailures) -> bool:
        """Wait for room; return whether the caller is still unproved. Raises Failure 429 or 503."""
        try:
            async with asyncio.timeout(self._remaining_wait(request)):
                while full := failures.full_window(self._limits, self._clock()):
                    self._require_not_exhausted(*full)
                    await _next_end(full[0])
                    if self._proved_callers.is_proved(caller):
                        return False
        except TimeoutError:
            raise Failure(GATEWAY_OVERLOADED) from None
        return True

    def _require_not_exhausted(self, window: FailureWindow, limit: int) -> None:
        seconds = window.seconds_until_reset(limit, self._clock())
        if seconds:
            raise Failure(TOO_MANY_CREDENTIAL_FAILURES, retry_after=math.ceil(seconds))


async def _next_end(window: FailureWindow) -> None:
    """Wait until a request in flight has ended."""
    ended = asyncio.Event()
    window.end_listeners.append(ended.set)
    await ended.wait()


def _is_open_to_all(request: FhirRequest) -> bool:
    """Whether a request to a mount needs no credential: a sign-in, or a read of what the server can do."""
    if not request.is_mounted:
        return False
    is_anonymous = request.interaction.code == "capabilities" and not credential(request.headers)
    return is_anonymous or is_token_request(request)


def _is_refusal(failure: Failure) -> bool:
    response = failure.upstream_response
    return response is not None and response.status in _REFUSAL_STATUSES
