"""Reading of requests with the app that sent them."""

from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from gateway.apps.recognition import AppDirectory
from gateway.exchange import FhirRequest
from gateway.http.proved_callers import caller_of

T = TypeVar("T")
#: Field of batch work (RFC 9218), which all limits and queues read; it is not sent upstream.
BACKGROUND: Final = ("priority", "u=7")


def with_app(
    read_request: Callable[[T], Awaitable[FhirRequest]], directory: AppDirectory
) -> Callable[[T], Awaitable[FhirRequest]]:
    """Return a function that reads the same requests, each with its app; itself without configured apps."""
    if not directory.apps:
        return read_request

    async def read_with_app(raw_request: T) -> FhirRequest:
        """Read a request. Raises Failure 4xx."""
        request = await read_request(raw_request)
        app = directory.app_of(request.headers, request.client_address, caller_of(request))
        headers = (*request.headers, BACKGROUND) if directory.is_batch(app) else request.headers
        return request.replace(app=app, headers=headers)

    return read_with_app
