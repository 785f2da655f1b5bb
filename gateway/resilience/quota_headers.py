"""Quota that an upstream states in its header fields: an exhausted one holds further requests of its key."""

from typing import Final

from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest, FhirResponse, Handler
from gateway.fhir.resource_types import RESOURCE_TYPES
from gateway.resilience.rate_limits import RateLimits

_REMAINING: Final = "x-ratelimit-remaining"
#: Seconds for which an exhausted quota holds requests if the upstream names no time, and the maximum.
_USUAL_HOLD: Final = 1.0
_MAX_HOLD: Final = 300.0


def endpoint_of(request: FhirRequest) -> str:
    """Endpoint of a request whose rate is its own: the resource type, else the operation or interaction.

    At most 32 letters of an operation's name count: clients make up names.
    """
    interaction = request.interaction
    first = request.path.partition("/")[0]
    if first in RESOURCE_TYPES:
        return first
    return interaction.operation[:32] or interaction.code


def hold_seconds(response: FhirResponse) -> float:
    """Seconds for which the upstream's fields hold further requests; 0 unless nothing remains."""
    if response.header(_REMAINING).strip() != "0":
        return 0.0
    text = response.header("retry-after").strip()
    return min(_MAX_HOLD, float(text)) if text.isdecimal() and int(text[:9]) else _USUAL_HOLD


class QuotaHeaders:
    """Holds the further requests of a key whose quota is exhausted, by `X-RateLimit-Remaining`."""

    def __init__(self, inner: Handler, rate_limits: RateLimits) -> None:
        self._inner = inner
        self._rate_limits = rate_limits

    async def __call__(self, request: FhirRequest) -> FhirResponse:
        """Return the inner response, unchanged. Raises Failure."""
        try:
            response = await self._inner(request)
        except Failure as failure:
            await self._learn(request, failure.upstream_response)
            raise
        await self._learn(request, response)
        return response

    async def _learn(self, request: FhirRequest, response: FhirResponse | None) -> None:
        permit, seconds = request.send_permit, hold_seconds(response) if response else 0.0
        if permit and seconds:
            await self._rate_limits.hold(permit.key, seconds)
