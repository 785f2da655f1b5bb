"""Requests to the origin of an upstream, outside its FHIR base: status of jobs, downloads, tokens."""

from gateway.exchange import FhirRequest, FhirResponse, Handler
from gateway.http.base_urls import ORIGIN_SEGMENT, parse_base
from gateway.http.urls import to_public_headers


class AsyncStatusUrls:
    """Sends `{public base}/~/fhir/RequestResult/1` to that path on the origin of the upstream's base."""

    def __init__(self, inner: Handler) -> None:
        self._inner = inner

    async def __call__(self, request: FhirRequest) -> FhirResponse:
        """Return the upstream's response, whose headers name no URL outside the base by its origin."""
        first, _, path = request.path.partition("/")
        if first != ORIGIN_SEGMENT:
            return await self._inner(request)
        origin = parse_base(request.upstream_base).origin
        response = await self._inner(request.replace(upstream_base=origin, path=path))
        return response.replace(headers=to_public_headers(request, response.headers))
