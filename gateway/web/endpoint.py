"""The ASGI endpoint of every upstream path: read the request, have it handled, send the answer."""

from collections.abc import Awaitable, Callable

import structlog
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest, FhirResponse, Handler
from gateway.http.cache_status import NOT_CONSULTED
from gateway.web.errors import error_response, internal_error
from gateway.web.fast_path import FastPathCache, request_from_scope
from gateway.web.request_reader import request_id_of

_log = structlog.get_logger()
#: Answers are about patients: nobody on the way may keep them, and each client's own is its own.
_DEFAULT_HEADERS = (
    (b"x-intermediary", b"halo-gateway"),
    (b"cache-control", b"no-store"),
    (b"cache-status", NOT_CONSULTED.encode()),
    (b"vary", b"accept, accept-encoding, authorization, deviceid, ocp-apim-subscription-key, prefer"),
)

#: Statuses without a body, whose length would be that of another answer (RFC 9110 section 8.6).
_BODILESS_STATUSES = frozenset({204, 304})

ReadRequest = Callable[[Request], Awaitable[FhirRequest]]
#: Is told of what was refused before it was read.
ReportRejection = Callable[[Request, Failure], None]


class Endpoint:
    """One way of reading requests, in front of one handler; `hits` keeps what may be given again as it is."""

    def __init__(
        self,
        read_request: ReadRequest,
        handler: Handler,
        report_rejection: ReportRejection = lambda *_: None,
        fast_path_cache: FastPathCache | None = None,
    ) -> None:
        self._read_request = read_request
        self._handler = handler
        self._report_rejection = report_rejection
        self._fast_path_cache = fast_path_cache

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, whatever happens."""
        request = Request(scope, receive)
        try:
            read = await self._read_request(request)
        except Failure as failure:
            await self._reject(failure, request, send)
        except Exception as problem:  # noqa: BLE001 - a bug in reading must become an answer, too
            await self._reject(internal_error(problem), request, send)
        else:
            response = _with_requested_media_type(read, await self._handler(read))
            self._store_prepared(request.scope, read, response)
            await send_response(response, request, send, read.request_id)

    def _store_prepared(self, scope: Scope, request: FhirRequest, response: FhirResponse) -> None:
        asked = (
            request_from_scope(self._fast_path_cache, scope)
            if self._fast_path_cache and response.cache_validity
            else None
        )
        if self._fast_path_cache and asked:
            self._fast_path_cache.add_response(asked, request, response, _shared_headers(response))

    async def _reject(self, failure: Failure, request: Request, send: Send) -> None:
        _log.info("request-rejected", code=failure.kind.code, status=failure.kind.status)
        self._report_rejection(request, failure)
        await send_response(error_response(failure), request, send, request_id_of(request))


async def send_response(response: FhirResponse, request: Request, send: Send, identifier: str) -> None:
    """Send an answer; to HEAD without its body, with the length that GET would have."""
    headers = response_headers(response, identifier)
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if request.method == "HEAD" else response.body})


def response_headers(response: FhirResponse, identifier: str) -> list[tuple[bytes, bytes]]:
    """The fields of an answer in an exchange of this name."""
    headers = [*_shared_headers(response), (b"x-request-id", identifier.encode())]
    if response.status not in _BODILESS_STATUSES:
        headers.append((b"content-length", b"%d" % len(response.body)))
    return headers


def _shared_headers(response: FhirResponse) -> list[tuple[bytes, bytes]]:
    """The fields of an answer, whichever exchange it is for."""
    given = {name for name, _ in response.headers}
    headers = [(name.encode(), value.encode("latin-1", "replace")) for name, value in response.headers]
    headers += [each for each in _DEFAULT_HEADERS if each[0].decode() not in given]
    if response.applied_repairs:
        headers.append((b"gateway-repairs", ", ".join(response.applied_repairs).encode()))
    return headers


def _with_requested_media_type(request: FhirRequest, response: FhirResponse) -> FhirResponse:
    """The answer under the media type that was asked for; Halo calls every FHIR answer application/json."""
    plain = request.site is None or request.interaction.code == "other"
    if plain or not response.body or "json" not in response.header("content-type"):
        return response
    return response.with_header("content-type", f"{request.response_format}; charset=utf-8")
