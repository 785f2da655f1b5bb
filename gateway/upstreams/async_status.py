"""Requests to the origin of an upstream, outside its FHIR base: status of jobs, downloads, tokens."""

from gateway.exchange import FhirRequest, FhirResponse, Handler
from gateway.http.base_urls import ORIGIN_SEGMENT, parse_base


class AsyncStatusUrls:
    """Sends `{public base}/~/fhir/RequestResult/1` to that path on the origin of the upstream's base.

    The repair `reference-base-url` maps the URLs of its response (`http/base_urls.py`).
    """

    def __init__(self, inner: Handler) -> None:
        self._inner = inner

    async def __call__(self, request: FhirRequest) -> FhirResponse:
        """Return the upstream's response. Raises Failure."""
        return await self._inner(_to_upstream_origin(request))


def _to_upstream_origin(request: FhirRequest) -> FhirRequest:
    first, _, path = request.path.partition("/")
    if first != ORIGIN_SEGMENT:
        return request
    return request.replace(upstream_base=parse_base(request.upstream_base).origin, path=path)
