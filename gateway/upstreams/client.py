"""Asks the upstream: the innermost handler, the only one that sends."""

import re
from collections.abc import Callable
from datetime import datetime
from functools import cached_property, lru_cache
from typing import Any

import httpx
import structlog

from gateway.errors import catalog
from gateway.errors.failure import Failure, Kind
from gateway.errors.operation_outcome import CODE_SYSTEM
from gateway.errors.redaction import masked
from gateway.exchange import FhirRequest, FhirResponse, Headers, may_write
from gateway.fhir.search_params import Parameter, Search
from gateway.http.headers import CONDITIONS, CREDENTIALS, DOWNWARDS, FRESHNESS, UPWARDS, passing
from gateway.http.negotiation import FHIR_JSON
from gateway.upstreams.diagnostics import UpstreamText, media_type
from gateway.upstreams.dialect import Dialect
from gateway.upstreams.failures import UNRECOGNISED
from gateway.upstreams.searchset_outcomes import lowered

_log = structlog.get_logger()
_UNRECOGNISED = (CODE_SYSTEM, UNRECOGNISED.code)
_VIA = ("via", "1.1 halo-gateway")
_ALWAYS = (("accept-encoding", "gzip"), _VIA)
#: A path and query that httpx would send as it stands; it quotes any other.
_PLAIN = re.compile(r"(?:[A-Za-z0-9\-._~!$&'()*+,;=:@/?]++|%[0-9A-Fa-f]{2})*+", re.ASCII)
#: A transport's exception -> our kind, the first that matches, and whether the request may have been sent.
_KINDS: tuple[tuple[type[httpx.HTTPError], Kind, bool], ...] = (
    (httpx.ConnectError, catalog.UPSTREAM_CONNECT, False),
    (httpx.ConnectTimeout, catalog.UPSTREAM_CONNECT, False),
    (httpx.UnsupportedProtocol, catalog.UPSTREAM_CONNECT, False),
    (httpx.ProxyError, catalog.PROXY_UNAVAILABLE, False),
    (httpx.TimeoutException, catalog.UPSTREAM_TIMEOUT, True),
    (httpx.DecodingError, catalog.ANSWER_TOO_LARGE, True),
    (httpx.HTTPError, catalog.UPSTREAM_RESET, True),
)
#: Kinds that a transport names by their code in an error's text, before the status of a proxy. None was sent.
_NAMED = {
    each.code: each
    for each in (catalog.PROXY_REFUSED, catalog.PROXY_UNAVAILABLE, catalog.UPSTREAM_CERTIFICATE)
}
#: Methods that say how long their body is even where they have none (RFC 9110 section 8.6).
_SENDING = frozenset({"POST", "PUT", "PATCH"})
#: The dialect whose answers a cache judges, and strips of what it judged them by.
_CACHED = "halo-connect"


class Upstream:
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
        self._text = upstream_text
        foreign = CREDENTIALS - dialect.credentials
        self._downwards = DOWNWARDS | (FRESHNESS if dialect.name == _CACHED else {})
        self._upwards = {name: why for name, why in UPWARDS.items() if name not in foreign}

    async def __call__(self, request: FhirRequest) -> FhirResponse:
        """The upstream's answer. Raises Failure."""
        response = await self._sent(request)
        failure = self._dialect.failure(request, response, now=self._now(), upstream_text=self._text)
        shown = FhirResponse(response.status, passing(response.headers, self._downwards), response.body)
        if failure is not None:
            failure.received = shown
            self._noted(failure, request, response)
            try:
                raise failure
            finally:
                del failure  # a frame that holds what it raised keeps all of it until the collector comes
        body = lowered(shown.body) if request.interaction.searches else shown.body
        return shown if body is shown.body else shown.changed(body=body)

    async def _sent(self, request: FhirRequest) -> FhirResponse:
        try:
            answer = await self._transport.handle_async_request(self._outgoing(request))
        except httpx.HTTPError as problem:
            raise _failure(request, problem) from problem
        headers = _headers(answer)
        return FhirResponse(answer.status_code, headers, await _body(answer, headers))

    def _outgoing(self, request: FhirRequest) -> httpx.Request:
        """The request as the upstream sees it. HEAD is asked as GET: its headers are the mended answer's."""
        method = "GET" if request.method == "HEAD" else request.method
        headers = (
            *passing(request.headers, self._upwards | (CONDITIONS if may_write(request) else {})),
            ("accept", self._accept(request)),
            ("x-request-id", request.request_id),
            *((("if-none-match", request.validator),) if request.validator else ()),
            *_ALWAYS,
        )
        if self._dialect.largest_page is not None:
            request = request.changed(search=_paged(request.search, self._dialect.largest_page))
        return _asking(method, request.upstream_url, headers, request.upstream_body)

    def _accept(self, request: FhirRequest) -> str:
        """FHIR where FHIR is spoken; elsewhere naming FHIR is about errors, which we write."""
        wanted = request.header("accept")
        return FHIR_JSON if self._dialect.fhir else "*/*" if FHIR_JSON in wanted else wanted or "*/*"

    def _noted(self, failure: Failure, request: FhirRequest, response: FhirResponse) -> None:
        """The log: a shape nobody knows at warning, and each failure at debug level, masked."""
        known = {"upstream": self._dialect.name, "status": response.status, "request_id": request.request_id}
        if failure.kind is UNRECOGNISED or _UNRECOGNISED in failure.codings:
            _log.warning(UNRECOGNISED.code, **known, content_type=media_type(response))
        diagnostics = masked(failure.diagnostics) if self._text == "full" else failure.diagnostics
        _log.debug("upstream-failure", **known, code=failure.kind.code, diagnostics=diagnostics)


def _paged(search: Search, largest: int) -> Search:
    """The search with no `_count` above the largest page."""
    return search.mapped(lambda each: (_capped(each, largest),))


def _capped(each: Parameter, largest: int) -> Parameter:
    asked = each.value if each.name == "_count" else ""
    return each.replaced(str(largest)) if asked.isdecimal() and int(asked[:9]) > largest else each


def _asking(method: str, url: str, headers: Headers, body: bytes) -> httpx.Request:
    """The same as `httpx.Request(method, url, headers=headers, content=body)` for a sixth of its cost."""
    aim, plain = _aimed(url)
    length = (("content-length", str(len(body))),) if body or method in _SENDING else ()
    return (_Plain if plain else httpx.Request)(
        method,
        aim,
        headers=(("host", aim.netloc.decode()), *headers, *length),
        stream=httpx.ByteStream(body),
        extensions={"url": url} if plain else None,
    )


class _Plain(httpx.Request):
    """A request whose `url` is parsed when a transport looks at it: ours takes the extension's text."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        del self.__dict__["url"]

    @cached_property
    def url(self) -> httpx.URL:  # type: ignore[override] # an attribute there, read in the same way
        """The whole URL."""
        return httpx.URL(self.extensions["url"])


def _aimed(url: str) -> tuple[httpx.URL, bool]:
    """The origin, parsed once, where httpx would send all behind it as it stands; else the whole URL."""
    end = max(url.find("/", url.find("://") + 3), 0)
    origin, target = url[:end], url[end:]
    if origin and "/." not in target and _PLAIN.fullmatch(target):
        return _url(origin), True
    return httpx.URL(url), False


@lru_cache(maxsize=256)
def _url(origin: str) -> httpx.URL:
    return httpx.URL(origin)


def _headers(answer: httpx.Response) -> Headers:
    return tuple(
        (name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in answer.headers.raw
    )


async def _body(answer: httpx.Response, headers: Headers) -> bytes:
    """The whole body; httpx's decoders are for what is packed, its streams for what is not yet here."""
    packed = any(name == "content-encoding" for name, _ in headers)
    if isinstance(answer.stream, httpx.ByteStream) and not packed:
        return b"".join(answer.stream)
    return await answer.aread()


def _failure(request: FhirRequest, problem: httpx.HTTPError) -> Failure:
    kind, sent = next((kind, sent) for shape, kind, sent in _KINDS if isinstance(problem, shape))
    said = f"request={request.request_id} cause={type(problem).__name__}"
    if sent and may_write(request):
        return Failure(catalog.WRITE_UNKNOWN, diagnostics=said, codings=((CODE_SYSTEM, kind.code),))
    return Failure(kind, diagnostics=said) if sent else _unsent(kind, said, str(problem))


def _unsent(kind: Kind, said: str, text: str) -> Failure:
    """The failure of a request that was not sent; the text of the transport's error may name its kind."""
    code, _, status = text.partition(" ")
    proxy = f" proxy-status={status}" if code in _NAMED and status.isdecimal() else ""
    return Failure(_NAMED.get(code, kind), diagnostics=said + proxy)
