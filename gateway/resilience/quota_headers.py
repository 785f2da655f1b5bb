"""Quota that an upstream states in its header fields: an exhausted one holds further requests of its key."""

import re
from datetime import UTC, datetime
from typing import Final

from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest, FhirResponse, Handler
from gateway.fhir.resource_types import RESOURCE_TYPES, STU3_RESOURCE_TYPES
from gateway.resilience.rate_limits import RateLimits
from gateway.upstreams.retry_after import WaitLimits, retry_after_seconds

_REMAINING: Final = "x-ratelimit-remaining"
#: A number that is zero or negative.
_NOTHING: Final = re.compile(r"0+(?:\.0*)?|-[0-9]+(?:\.[0-9]*)?")
#: Seconds for which an exhausted quota holds requests if the upstream names no time, and the maximum.
_USUAL_HOLD: Final = 1
_MAX_HOLD: Final = WaitLimits(header=300)
_TYPES: Final = RESOURCE_TYPES | STU3_RESOURCE_TYPES


def endpoint_of(request: FhirRequest) -> str:
    """Endpoint of a request whose rate is its own: the resource type, with the operation, else interaction.

    At most 32 letters of an operation's name count: clients make up names.
    """
    interaction = request.interaction
    first, operation = request.path.partition("/")[0], interaction.operation[:32]
    if first in _TYPES:
        return f"{first}/${operation}" if operation else first
    return operation or interaction.code


def hold_seconds(response: FhirResponse, now: datetime) -> int:
    """Seconds for which the upstream's fields hold further requests; 0 unless nothing remains."""
    if not _NOTHING.fullmatch(response.header(_REMAINING).strip()):
        return 0
    return retry_after_seconds(response.header("retry-after"), "", now, _MAX_HOLD) or _USUAL_HOLD


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
            if failure.upstream_response and failure.kind.limits_rate:
                await self._learn(request, failure.upstream_response)
            raise
        await self._learn(request, response)
        return response

    async def _learn(self, request: FhirRequest, response: FhirResponse) -> None:
        permit, now = request.send_permit, datetime.fromtimestamp(self._rate_limits.now(), UTC)
        seconds = hold_seconds(response, now) if permit else 0
        if permit and seconds:
            await self._rate_limits.hold(permit.key, seconds)
