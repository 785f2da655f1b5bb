"""Status URLs of asynchronous requests outside the upstream's FHIR base, mapped to the gateway's base."""

from urllib.parse import urlsplit

from gateway.exchange import FhirRequest, FhirResponse, Handler
from gateway.http.request_path import ORIGIN_SEGMENT, async_status_path

_URL_HEADERS = frozenset({"location", "content-location"})


class AsyncStatusUrls:
    """Maps `{public base}/~/fhir/RequestResult/1` to that path on the origin of the upstream's base."""

    def __init__(self, inner: Handler) -> None:
        self._inner = inner

    async def __call__(self, request: FhirRequest) -> FhirResponse:
        """Return the response with its status URL on the gateway's base. Raises Failure."""
        response = await self._inner(_to_upstream_origin(request))
        headers = tuple((name, _to_gateway_url(request, name, value)) for name, value in response.headers)
        return response if headers == response.headers else response.replace(headers=headers)


def _to_upstream_origin(request: FhirRequest) -> FhirRequest:
    first, _, path = request.path.partition("/")
    if first != ORIGIN_SEGMENT:
        return request
    base = urlsplit(request.upstream_base)
    return request.replace(upstream_base=f"{base.scheme}://{base.netloc}", path=path)


def _to_gateway_url(request: FhirRequest, name: str, value: str) -> str:
    is_below = value.startswith(f"{request.upstream_base}/")
    path = "" if is_below or name not in _URL_HEADERS else async_status_path(request.upstream_base, value)
    return f"{request.public_base}/{ORIGIN_SEGMENT}{path}" if path else value
