"""ASGI endpoint of every upstream path: reads the request, calls the handler, sends the response."""

from collections.abc import Awaitable, Callable, Collection
from time import perf_counter

from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest, FhirResponse, Handler, UpstreamUse
from gateway.http.cache_status import NOT_CONSULTED
from gateway.request_effects import RequestEffects
from gateway.telemetry.access_log import AccessLog, Answer
from gateway.web.client_connection import run_until_shutdown, run_while_connected
from gateway.web.errors import error_response, internal_error, shutdown_failure
from gateway.web.fast_path import FastPathCache, request_from_scope
from gateway.web.header_fields import DecodedRequest
from gateway.web.request_notes import early_end_of
from gateway.web.request_reader import request_id_of

#: Responses contain patient data: no intermediary may store them, and they vary by credential.
_DEFAULT_HEADERS = (
    (b"x-intermediary", b"halo-gateway"),
    (b"cache-control", b"no-store"),
    (b"cache-status", NOT_CONSULTED.encode()),
    (b"vary", b"accept, accept-encoding, authorization, deviceid, ocp-apim-subscription-key, prefer"),
)

#: Statuses without a body: a length would describe a different response (RFC 9110 section 8.6).
_BODILESS_STATUSES = frozenset({204, 304})

ReadRequest = Callable[[Request], Awaitable[FhirRequest]]
#: Called with a request that was rejected while it was read, and how it was answered.
ReportRejection = Callable[[Request, Answer], None]


class Endpoint:
    """Reads requests for one handler, and logs each with the response that it sends.

    `fast_path_cache` stores responses that may be sent again unchanged.

    A request to which `ends_with_client` applies is cancelled when its client disconnects; any other goes on,
    because it is billed or may write. `has_ended` returns whether the gateway shuts down: a request that the
    server cancels then gets a response, too. `methods_of` returns the methods of a path below its FHIR base,
    for web pages of other origins; None: no such page reaches it.
    """

    def __init__(  # noqa: PLR0913 - its collaborators, each once
        self,
        read_request: ReadRequest,
        handler: Handler,
        report_rejection: ReportRejection = lambda *_: None,
        fast_path_cache: FastPathCache | None = None,
        *,
        ends_with_client: Callable[[FhirRequest], bool] = lambda _: False,
        has_ended: Callable[[], bool] = lambda: False,
        access_log: AccessLog = AccessLog(),  # noqa: B008 - it has no state
        methods_of: Callable[[str], Collection[str]] | None = None,
    ) -> None:
        self.methods_of = methods_of
        self._read_request = read_request
        self._handler = handler
        self._report_rejection = report_rejection
        self._fast_path_cache = fast_path_cache
        self._ends_with_client = ends_with_client
        self._has_ended = has_ended
        self._access_log = access_log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send a response to one request, also after an exception."""
        started_at, request = perf_counter(), DecodedRequest(scope, receive)
        try:
            reading = self._read_request(request)
            fhir_request = await run_until_shutdown(reading, self._has_ended, shutdown_failure)
        except Failure as failure:
            await self._reject(failure, request, send, started_at)
        except Exception as error:  # noqa: BLE001 - a bug in reading must become a response, too
            await self._reject(internal_error(error), request, send, started_at)
        else:
            response = await self._respond_in_time(request, fhir_request, started_at)
            if response is not None:
                await send_response(response, request, send, fhir_request.request_id)

    async def _respond_in_time(
        self, raw_request: Request, request: FhirRequest, started_at: float
    ) -> FhirResponse | None:
        """Return the response, to a request that is cut off its failure; None if the client is gone."""
        effects = RequestEffects()
        request = request.replace(effects=effects)
        work = self._respond(raw_request.scope, request)
        is_ended = self._ends_with_client(request)
        watched = run_while_connected(raw_request.receive, work) if is_ended else work
        try:
            response = await run_until_shutdown(watched, self._has_ended, lambda: shutdown_failure(request))
            is_cut_off = False
        except Failure as failure:
            use = UpstreamUse(queries=effects.queries)
            response, is_cut_off = error_response(failure.with_upstream_use(use), request), True
        seconds = perf_counter() - started_at
        if response is None:
            self._access_log.log_left(request, seconds, effects.trace_id)
        else:
            if effects.trace_id and not response.trace_id:
                response = response.replace(trace_id=effects.trace_id)
            is_gone = early_end_of(raw_request.scope) == "client-left"
            self._access_log.log(request, response, seconds, is_cut_off=is_cut_off, is_client_gone=is_gone)
        return response

    async def _respond(self, scope: Scope, request: FhirRequest) -> FhirResponse:
        """Return the handler's response as it is sent; a bug behind a write must not hide its outcome."""
        try:
            response = await self._handler(request)
            self._store_prepared(scope, request, response)
        except Exception as error:  # noqa: BLE001 - a bug behind the handlers must become a response, too
            use = UpstreamUse(queries=request.effects.queries if request.effects else 0)
            return error_response(internal_error(error, request).with_upstream_use(use), request)
        return response

    def _store_prepared(self, scope: Scope, request: FhirRequest, response: FhirResponse) -> None:
        if self._fast_path_cache is None or not response.cache_validity:
            return
        raw_request = request_from_scope(self._fast_path_cache, scope)
        if raw_request:
            self._fast_path_cache.add_response(raw_request, request, response, _shared_headers(response))

    async def _reject(self, failure: Failure, request: Request, send: Send, started_at: float) -> None:
        response, identifier = error_response(failure), request_id_of(request)
        seconds, octets = perf_counter() - started_at, len(response.body)
        answer = Answer(identifier, response.status, failure.kind, octets, seconds)
        self._report_rejection(request, answer)
        await send_response(response, request, send, identifier)


async def send_response(response: FhirResponse, request: Request, send: Send, identifier: str) -> None:
    """Send a response; to HEAD without a body, but with the length of the response to GET."""
    headers = response_headers(response, identifier)
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if request.method == "HEAD" else response.body})


def response_headers(response: FhirResponse, identifier: str) -> list[tuple[bytes, bytes]]:
    """Header fields of a response to a request with this id."""
    headers = [*_shared_headers(response), (b"x-request-id", identifier.encode())]
    if response.status not in _BODILESS_STATUSES:
        headers.append((b"content-length", b"%d" % len(response.body)))
    return headers


def _shared_headers(response: FhirResponse) -> list[tuple[bytes, bytes]]:
    """Header fields of a response that do not depend on the request's id."""
    headers = [(name.encode(), value.encode("latin-1", "replace")) for name, value in response.headers]
    names = [name for name, _ in headers]
    headers += [header for header in _DEFAULT_HEADERS if header[0] not in names]
    if response.applied_repairs:
        headers.append((b"gateway-repairs", ", ".join(response.applied_repairs).encode()))
    return headers
