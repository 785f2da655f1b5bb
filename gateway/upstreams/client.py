"""Asks the upstream: the innermost handler, the only one that sends."""

import re
from collections.abc import Callable
from datetime import datetime
from functools import cached_property, lru_cache
from typing import Any

import httpx
import structlog

from gateway.errors import catalog
from gateway.errors.failure import Failure, FailureKind
from gateway.errors.operation_outcome import ERROR_CODE_SYSTEM
from gateway.errors.redaction import redact
from gateway.exchange import FhirRequest, FhirResponse, Headers, may_write
from gateway.fhir.search_params import Parameter, SearchParams
from gateway.http.headers import (
    CACHING_HEADERS,
    CONDITIONAL_HEADERS,
    CREDENTIALS,
    REQUEST_HEADERS,
    RESPONSE_HEADERS,
    filter_headers,
)
from gateway.http.negotiation import FHIR_JSON
from gateway.upstreams.diagnostics import UpstreamText, media_type
from gateway.upstreams.dialect import Dialect
from gateway.upstreams.failures import UNRECOGNISED_RESPONSE
from gateway.upstreams.searchset_outcomes import downgrade_ignored_parameters

_log = structlog.get_logger()
_UNRECOGNISED_CODING = (ERROR_CODE_SYSTEM, UNRECOGNISED_RESPONSE.code)
_VIA = ("via", "1.1 halo-gateway")
_FIXED_HEADERS = (("accept-encoding", "gzip"), _VIA)
#: A path and query that httpx would send as it stands; it quotes any other.
_PLAIN_TARGET = re.compile(r"(?:[A-Za-z0-9\-._~!$&'()*+,;=:@/?]++|%[0-9A-Fa-f]{2})*+", re.ASCII)
#: A transport's exception -> our kind, the first that matches, and whether the request may have been sent.
_FAILURE_KINDS: tuple[tuple[type[httpx.HTTPError], FailureKind, bool], ...] = (
    (httpx.ConnectError, catalog.UPSTREAM_CONNECT, False),
    (httpx.ConnectTimeout, catalog.UPSTREAM_CONNECT, False),
    (httpx.UnsupportedProtocol, catalog.UPSTREAM_CONNECT, False),
    (httpx.ProxyError, catalog.PROXY_UNAVAILABLE, False),
    (httpx.TimeoutException, catalog.UPSTREAM_TIMEOUT, True),
    (httpx.DecodingError, catalog.RESPONSE_TOO_LARGE, True),
    (httpx.HTTPError, catalog.UPSTREAM_RESET, True),
)
#: Kinds that a transport names by their code in an error's text, before the status of a proxy. None was sent.
_KINDS_BY_CODE = {
    each.code: each
    for each in (catalog.PROXY_REFUSED, catalog.PROXY_UNAVAILABLE, catalog.UPSTREAM_CERTIFICATE)
}
#: Methods that say how long their body is even where they have none (RFC 9110 section 8.6).
_METHODS_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})


class UpstreamClient:
    """One exchange with the upstream; an error, whatever its shape, is raised as Failure."""

    def __init__(
        self,
        transport: httpx.AsyncBaseTransport,
        dialect: Dialect,
        now: Callable[[], datetime],
        upstream_text: UpstreamText = "masked",
    ) -> None:
        self._transport = transport
        self._dialect = dialect
        self._now = now
        self._upstream_text = upstream_text
        foreign = CREDENTIALS - dialect.credential_headers
        self._response_header_rules = RESPONSE_HEADERS | (CACHING_HEADERS if dialect.relays_freshness else {})
        self._request_header_rules = {
            name: why for name, why in REQUEST_HEADERS.items() if name not in foreign
        }

    async def __call__(self, request: FhirRequest) -> FhirResponse:
        """The upstream's answer. Raises Failure."""
        response = await self._send(request)
        failure = self._dialect.failure_from_response(
            request, response, now=self._now(), upstream_text=self._upstream_text
        )
        shown = FhirResponse(
            response.status, filter_headers(response.headers, self._response_header_rules), response.body
        )
        if failure is not None:
            failure.upstream_response = shown
            self._log_failure(failure, request, response)
            try:
                raise failure
            finally:
                del failure  # a frame that holds what it raised keeps all of it until the collector comes
        body = downgrade_ignored_parameters(shown.body) if request.interaction.is_search else shown.body
        return shown if body is shown.body else shown.replace(body=body)

    async def _send(self, request: FhirRequest) -> FhirResponse:
        try:
            answer = await self._transport.handle_async_request(self._upstream_request(request))
        except httpx.HTTPError as problem:
            raise _transport_failure(request, problem) from problem
        headers = _lowercase_headers(answer)
        return FhirResponse(answer.status_code, headers, await _read_body(answer, headers))

    def _upstream_request(self, request: FhirRequest) -> httpx.Request:
        """The request as the upstream sees it. HEAD is asked as GET: its headers are the mended answer's."""
        method = "GET" if request.method == "HEAD" else request.method
        headers = (
            *filter_headers(
                request.headers,
                self._request_header_rules | (CONDITIONAL_HEADERS if may_write(request) else {}),
            ),
            ("accept", self._accept_header(request)),
            ("x-request-id", request.request_id),
            *((("if-none-match", request.if_none_match),) if request.if_none_match else ()),
            *_FIXED_HEADERS,
        )
        if self._dialect.max_page_size is not None:
            request = request.replace(
                upstream_search=_with_max_count(request.upstream_search, self._dialect.max_page_size)
            )
        return _httpx_request(method, request.upstream_url, headers, request.upstream_body)

    def _accept_header(self, request: FhirRequest) -> str:
        """FHIR where FHIR is spoken; elsewhere naming FHIR is about errors, which we write."""
        wanted = request.header("accept")
        return FHIR_JSON if self._dialect.is_fhir else "*/*" if FHIR_JSON in wanted else wanted or "*/*"

    def _log_failure(self, failure: Failure, request: FhirRequest, response: FhirResponse) -> None:
        """The log: a shape nobody knows at warning, and each failure at debug level, masked."""
        known = {"upstream": self._dialect.name, "status": response.status, "request_id": request.request_id}
        if failure.kind is UNRECOGNISED_RESPONSE or _UNRECOGNISED_CODING in failure.codings:
            _log.warning(UNRECOGNISED_RESPONSE.code, **known, content_type=media_type(response))
        diagnostics = redact(failure.diagnostics) if self._upstream_text == "full" else failure.diagnostics
        _log.debug("upstream-failure", **known, code=failure.kind.code, diagnostics=diagnostics)


def _with_max_count(search: SearchParams, max_count: int) -> SearchParams:
    """The search with no `_count` above the largest page."""
    return search.map_parameters(lambda each: (_limit_count(each, max_count),))


def _limit_count(parameter: Parameter, max_count: int) -> Parameter:
    asked = parameter.value if parameter.name == "_count" else ""
    return (
        parameter.with_value(str(max_count))
        if asked.isdecimal() and int(asked[:9]) > max_count
        else parameter
    )


def _httpx_request(method: str, url: str, headers: Headers, body: bytes) -> httpx.Request:
    """The same as `httpx.Request(method, url, headers=headers, content=body)` for a sixth of its cost."""
    aim, plain = _parse_target(url)
    length = (("content-length", str(len(body))),) if body or method in _METHODS_WITH_BODY else ()
    return (_UnparsedUrlRequest if plain else httpx.Request)(
        method,
        aim,
        headers=(("host", aim.netloc.decode()), *headers, *length),
        stream=httpx.ByteStream(body),
        extensions={"url": url} if plain else None,
    )


class _UnparsedUrlRequest(httpx.Request):
    """A request whose `url` is parsed when a transport looks at it: ours takes the extension's text."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        del self.__dict__["url"]

    @cached_property
    def url(self) -> httpx.URL:  # type: ignore[override] # an attribute there, read in the same way
        """The whole URL."""
        return httpx.URL(self.extensions["url"])


def _parse_target(url: str) -> tuple[httpx.URL, bool]:
    """The origin, parsed once, where httpx would send all behind it as it stands; else the whole URL."""
    end = max(url.find("/", url.find("://") + 3), 0)
    origin, target = url[:end], url[end:]
    if origin and "/." not in target and _PLAIN_TARGET.fullmatch(target):
        return _parse_origin(origin), True
    return httpx.URL(url), False


@lru_cache(maxsize=256)
def _parse_origin(origin: str) -> httpx.URL:
    return httpx.URL(origin)


def _lowercase_headers(response: httpx.Response) -> Headers:
    return tuple(
        (name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in response.headers.raw
    )


async def _read_body(response: httpx.Response, headers: Headers) -> bytes:
    """The whole body; httpx's decoders are for what is packed, its streams for what is not yet here."""
    packed = any(name == "content-encoding" for name, _ in headers)
    if isinstance(response.stream, httpx.ByteStream) and not packed:
        return b"".join(response.stream)
    return await response.aread()


def _transport_failure(request: FhirRequest, error: httpx.HTTPError) -> Failure:
    kind, sent = next((kind, sent) for shape, kind, sent in _FAILURE_KINDS if isinstance(error, shape))
    said = f"request={request.request_id} cause={type(error).__name__}"
    if sent and may_write(request):
        return Failure(
            catalog.WRITE_OUTCOME_UNKNOWN, diagnostics=said, codings=((ERROR_CODE_SYSTEM, kind.code),)
        )
    return Failure(kind, diagnostics=said) if sent else _unsent_failure(kind, said, str(error))


def _unsent_failure(kind: FailureKind, diagnostics: str, error_text: str) -> Failure:
    """The failure of a request that was not sent; the text of the transport's error may name its kind."""
    code, _, status = error_text.partition(" ")
    proxy = f" proxy-status={status}" if code in _KINDS_BY_CODE and status.isdecimal() else ""
    return Failure(_KINDS_BY_CODE.get(code, kind), diagnostics=diagnostics + proxy)
