"""Limit on credential failures per client address: made-up keys must not cost upstream requests."""

import asyncio
import math
from collections.abc import Callable

from gateway.errors.catalog import GATEWAY_OVERLOADED, TOO_MANY_CREDENTIAL_FAILURES
from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest, FhirResponse, Handler
from gateway.http.proved_callers import ProvedCallers, caller_of
from gateway.resilience.credential_failures import AddressFailures, CredentialFailures
from gateway.upstreams.failures import CREDENTIALS_INVALID

_REFUSAL_STATUSES = frozenset({401, 403})


class CredentialFailureLimit:
    """Rejects unproved callers of an address with too many refusals by the upstream (401, 403) in a minute.

    Their requests in flight count as refusals until they end, so that many at once cost no more; the next
    ones wait for them, at most `remaining_wait` seconds. A proved caller is never counted or delayed.
    """

    def __init__(
        self,
        inner: Handler,
        failures: CredentialFailures,
        proved_callers: ProvedCallers,
        remaining_wait: Callable[[FhirRequest], float],
        clock: Callable[[], float],
        *,
        limit: int,
    ) -> None:
        self._inner = inner
        self._failures = failures
        self._proved_callers = proved_callers
        self._remaining_wait = remaining_wait
        self._clock = clock
        self._limit = limit

    async def __call__(self, request: FhirRequest) -> FhirResponse:
        """Call the inner handler. Raises Failure 429 if the client's address had too many refusals."""
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
        failures = self._failures.of(request.client_address)
        if not await self._acquire_room(request, caller, failures):
            return await self._inner(request)
        failures.in_flight += 1
        try:
            return await self._inner(request)
        except Failure as failure:
            if _is_refusal(failure):
                failures.add_failure(self._clock())
            raise
        finally:
            failures.end_request()

    async def _acquire_room(self, request: FhirRequest, caller: str, failures: AddressFailures) -> bool:
        """Wait for room; return whether the caller is still unproved. Raises Failure 429 or 503."""
        try:
            async with asyncio.timeout(self._remaining_wait(request)):
                while not failures.has_room(self._limit, self._clock()):
                    self._require_not_exhausted(failures)
                    await _next_end(failures)
                    if self._proved_callers.is_proved(caller):
                        return False
        except TimeoutError:
            raise Failure(GATEWAY_OVERLOADED) from None
        return True

    def _require_not_exhausted(self, failures: AddressFailures) -> None:
        seconds = failures.seconds_until_reset(self._limit, self._clock())
        if seconds:
            raise Failure(TOO_MANY_CREDENTIAL_FAILURES, retry_after=math.ceil(seconds))


async def _next_end(failures: AddressFailures) -> None:
    """Wait until a request in flight has ended."""
    ended = asyncio.Event()
    failures.end_listeners.append(ended.set)
    await ended.wait()


def _is_refusal(failure: Failure) -> bool:
    response = failure.upstream_response
    return response is not None and response.status in _REFUSAL_STATUSES
