"""ASGI endpoint of every upstream path: reads the request, calls the handler, sends the response."""

from collections.abc import Awaitable, Callable, Collection
from http import HTTPStatus
from time import perf_counter

from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from gateway.errors.catalog import NOT_ACCEPTABLE
from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest, FhirResponse, Handler, UpstreamUse
from gateway.fhir.binary_content import binary_content, permits_type
from gateway.fhir.raw_json import UnreadableError
from gateway.http.cache_status import NOT_CONSULTED
from gateway.http.negotiation import FHIR_JSON, JSON_MEDIA_TYPES, is_json_type, media_type
from gateway.request_effects import RequestEffects
from gateway.telemetry.access_log import AccessLog, Answer
from gateway.upstreams.failures import UNRECOGNISED_RESPONSE
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

#: Fields that describe a Binary's JSON form.
_JSON_FORM_FIELDS = frozenset({"etag", "last-modified"})
_OTHER_CONTENT_TEXT = (
    "The Binary has another media type than Accept permits. Send Accept: application/fhir+json to get it as"
    " a resource, which names its type."
)
_UPSTREAM_CONTENT_TEXT = (
    "The upstream sent the content in another media type than Accept permits. Send Accept: */* to get"
    " it in that type."
)

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
            self._access_log.log_left(request, seconds)
        else:
            is_gone = early_end_of(raw_request.scope) == "client-left"
            self._access_log.log(request, response, seconds, is_cut_off=is_cut_off, is_client_gone=is_gone)
        return response

    async def _respond(self, scope: Scope, request: FhirRequest) -> FhirResponse:
        """Return the handler's response as it is sent; a bug behind a write must not hide its outcome."""
        try:
            response = _with_requested_media_type(request, await self._handler(request))
            self._store_prepared(scope, request, response)
        except Exception as error:  # noqa: BLE001 - a bug behind the handlers must become a response, too
            return error_response(internal_error(error, request), request)
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


def _with_requested_media_type(request: FhirRequest, response: FhirResponse) -> FhirResponse:
    """Set the media type that the client requested; Halo sends all FHIR as application/json."""
    is_passthrough = request.site is None or request.interaction.code in {"other", "sql"}
    if is_passthrough or not response.body:
        return response
    is_binary, is_result = request.interaction.is_binary_read, _is_mounts_result(request)
    if not is_json_type(media_type(response.header("content-type"))):
        return _with_upstream_content(request, response) if is_binary or is_result else response
    if is_result and b'"resourceType"' not in response.body:  # a manifest: JSON, but no resource
        return response
    if is_binary and request.response_format not in JSON_MEDIA_TYPES:
        return _with_native_content(request, response)
    name = request.response_format if request.response_format in JSON_MEDIA_TYPES else FHIR_JSON
    return response.with_header("content-type", f"{name}; charset=utf-8")


def _is_mounts_result(request: FhirRequest) -> bool:
    """Whether a response may be a file or a manifest: the result of an operation of a mounted upstream."""
    return request.is_mounted and request.interaction.code == "operation"


def _with_upstream_content(request: FhirRequest, response: FhirResponse) -> FhirResponse:
    """Return a Binary or a file that the upstream sent in its own type, so that no browser runs it.

    A client that accepts JSON gets it, too: there is no other form of it.
    """
    is_permitted = permits_type(request.response_format, response.header("content-type"))
    if response.status == HTTPStatus.OK and not is_permitted:
        return _not_acceptable(request, _UPSTREAM_CONTENT_TEXT)
    return _as_download(response)


def _with_native_content(request: FhirRequest, response: FhirResponse) -> FhirResponse:
    """Return the content of a Binary in a type that the client accepts; an error is JSON.

    A browser must not run it as a page of the gateway, and the ETag is that of the JSON form.
    """
    if response.status != HTTPStatus.OK:
        return response.with_header("content-type", f"{FHIR_JSON}; charset=utf-8")
    try:
        content = binary_content(response.body, request.response_format)
    except UnreadableError:
        return error_response(Failure(UNRECOGNISED_RESPONSE), request)
    if content is None:
        return _not_acceptable(request, _OTHER_CONTENT_TEXT)
    if content.body is response.body:
        return response.with_header("content-type", f"{content.media_type}; charset=utf-8")
    headers = tuple(field for field in response.headers if field[0] not in _JSON_FORM_FIELDS)
    native = _as_download(response.replace(headers=headers, body=content.body))
    return native.with_header("content-type", content.media_type)


def _as_download(response: FhirResponse) -> FhirResponse:
    """Tell browsers to save the content, under the upstream's name of the file if it gives one so."""
    disposition = response.header("content-disposition")
    is_attachment = disposition.partition(";")[0].strip().lower() == "attachment"
    download = response.with_header("content-disposition", disposition if is_attachment else "attachment")
    return download.with_header("x-content-type-options", "nosniff")


def _not_acceptable(request: FhirRequest, text: str) -> FhirResponse:
    return error_response(Failure(NOT_ACCEPTABLE, text=text, expression="http.Accept"), request)
