"""Counts what the cache did with each request, by resource type."""

from collections import Counter

from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest, FhirResponse, Handler
from gateway.http.cache_status import outcome

#: Resource type (empty where there is none) and outcome -> requests.
Tally = Counter[tuple[str, str]]


class Tallied:
    """Stands around the cache and reads what it says in Cache-Status."""

    def __init__(self, inner: Handler, tally: Tally) -> None:
        self._inner = inner
        self._tally = tally

    async def __call__(self, request: FhirRequest) -> FhirResponse:
        """The inner answer, unchanged. Raises Failure."""
        try:
            response = await self._inner(request)
        except Failure as failure:
            self._add(request, dict(failure.headers).get("cache-status", ""), failure.kind.status)
            raise
        self._add(request, response.header("cache-status"), response.status)
        return response

    def _add(self, request: FhirRequest, field: str, status: int) -> None:
        found = outcome(field, status)
        if found:
            self._tally[request.interaction.type, found] += 1
