"""Deadline of a request's waits, for requests whose reader has set none."""

from collections.abc import Callable
from math import inf

from gateway.exchange import FhirRequest, FhirResponse, Handler
from gateway.resilience.backoff import max_wait


class WaitDeadline:
    """Limits all waits of a request together to `max_seconds`, or less by `Prefer: wait=`."""

    def __init__(self, inner: Handler, max_seconds: float, clock: Callable[[], float]) -> None:
        self._inner = inner
        self._max_seconds = max_seconds
        self._clock = clock

    async def __call__(self, request: FhirRequest) -> FhirResponse:
        """Return the inner response. Raises Failure."""
        if request.deadline < inf:
            return await self._inner(request)
        deadline = self._clock() + max_wait(request, self._max_seconds)
        return await self._inner(request.replace(deadline=deadline))
