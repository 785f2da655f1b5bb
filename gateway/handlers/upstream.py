"""Asks the upstream: the innermost handler, the only one that sends."""

from collections.abc import Callable
from datetime import datetime

import httpx

from gateway.core import kinds
from gateway.core.exchange import FhirRequest, FhirResponse, Headers
from gateway.core.failure import Failure, Kind
from gateway.core.headers import DOWNWARDS, UPWARDS, passing
from gateway.core.negotiation import FHIR_JSON
from gateway.dialects.dialect import Dialect

_VIA = ("via", "1.1 halo-gateway")
_ALWAYS = (("accept-encoding", "gzip"), _VIA)
#: A transport's exception -> our kind, the first that matches. Those before a byte was sent come first.
_KINDS: tuple[tuple[type[httpx.HTTPError], Kind, bool], ...] = (
    (httpx.ConnectError, kinds.UPSTREAM_CONNECT, False),
    (httpx.ConnectTimeout, kinds.UPSTREAM_CONNECT, False),
    (httpx.UnsupportedProtocol, kinds.UPSTREAM_CONNECT, False),
    (httpx.TimeoutException, kinds.UPSTREAM_TIMEOUT, True),
    (httpx.HTTPError, kinds.UPSTREAM_RESET, True),
)


class Upstream:
    """One exchange with the upstream; an error, whatever its shape, is raised as Failure."""

    def __init__(
        self, transport: httpx.AsyncBaseTransport, dialect: Dialect, now: Callable[[], datetime]
    ) -> None:
        self._transport = transport
        self._dialect = dialect
        self._now = now

    async def __call__(self, request: FhirRequest) -> FhirResponse:
        """The upstream's answer. Raises Failure."""
        response = await self._sent(request)
        failure = self._dialect.failure(request, response, now=self._now()) if request.site else None
        if failure is not None:
            raise failure
        return response

    async def _sent(self, request: FhirRequest) -> FhirResponse:
        try:
            answer = await self._transport.handle_async_request(_outgoing(request))
        except httpx.HTTPError as problem:
            raise _failure(request, problem) from problem
        return FhirResponse(answer.status_code, passing(_headers(answer), DOWNWARDS), await answer.aread())


def _outgoing(request: FhirRequest) -> httpx.Request:
    """The request as Halo sees it. HEAD is asked as GET: its headers are those of the mended answer."""
    method = "GET" if request.method == "HEAD" else request.method
    accept = FHIR_JSON if request.site else request.header("accept") or "*/*"
    headers = (
        *passing(request.headers, UPWARDS),
        ("accept", accept),
        ("x-request-id", request.request_id),
        *_ALWAYS,
    )
    return httpx.Request(method, request.upstream_url, headers=headers, content=request.upstream_body)


def _headers(answer: httpx.Response) -> Headers:
    return tuple((name.lower(), value) for name, value in answer.headers.multi_items())


def _failure(request: FhirRequest, problem: httpx.HTTPError) -> Failure:
    kind, sent = next((kind, sent) for shape, kind, sent in _KINDS if isinstance(problem, shape))
    if sent and request.interaction.writes:
        kind = kinds.WRITE_UNKNOWN
    return Failure(kind, diagnostics=f"request={request.request_id} cause={type(problem).__name__}")
