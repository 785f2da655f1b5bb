"""Upstream client: the innermost handler, and the only one that sends requests."""

import asyncio
import re
from codecs import BOM_UTF8
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import lru_cache, partial
from typing import TypeVar

import httpx
import structlog

from gateway.errors import catalog
from gateway.errors.failure import Failure, FailureKind
from gateway.errors.operation_outcome import ERROR_CODE_SYSTEM
from gateway.exchange import FhirRequest, FhirResponse, Headers, may_write
from gateway.fhir.raw_json import has_surrogates, without_lone_surrogates
from gateway.http.headers import (
    CACHING_HEADERS,
    CONDITIONAL_HEADERS,
    CREDENTIALS,
    IDEMPOTENCY_KEY,
    REQUEST_HEADERS,
    RESPONSE_HEADERS,
    filter_headers,
    valid_headers,
)
from gateway.thread_switching import frequent_switches
from gateway.upstreams.connection_errors import read_error_text
from gateway.upstreams.connection_log import ConnectionLog
from gateway.upstreams.content_codings import ContentCodingError
from gateway.upstreams.diagnostics import UpstreamText, media_type
from gateway.upstreams.dialect import Dialect
from gateway.upstreams.error_body import MAX_ERROR_BODY_BYTES
from gateway.upstreams.failures import UNRECOGNISED_RESPONSE
from gateway.upstreams.kinds_by_interaction import kind_for
from gateway.upstreams.lazy_messages import LazyRequest, LazyResponse
from gateway.upstreams.retry_after import DEFAULT_LIMITS, WaitLimits
from gateway.upstreams.searchset_outcomes import downgrade_ignored_parameters
from gateway.upstreams.sent_request import accept_header, is_unchanged, reads_fhir, with_limited_count
from gateway.upstreams.server_answers import with_media_type

_log = structlog.get_logger()
_UNRECOGNISED_CODING = (ERROR_CODE_SYSTEM, UNRECOGNISED_RESPONSE.code)
#: Seconds by name, as in the extension `timeout` of httpx: `read`, and `total` of the whole request.
Timeout = Mapping[str, float]
#: Returns the timeout of a request; None if that of the transport applies.
TimeoutOf = Callable[[FhirRequest], Timeout | None]
_FIXED_HEADERS = (("accept-encoding", "gzip"), ("via", "1.1 halo-gateway"))
#: A path and query that httpx sends unchanged; it percent-encodes any other.
_PLAIN_TARGET = re.compile(r"(?:[A-Za-z0-9\-._~!$&'()*+,;=:@/?]++|%[0-9A-Fa-f]{2})*+", re.ASCII)
#: A path and query that can be sent: visible characters before a fragment.
_VISIBLE_TARGET = re.compile(r'[!"$-~]*+', re.ASCII)
#: Exception of a transport, kind of failure, and whether the request may have been sent; first match wins.
_FAILURE_KINDS: tuple[tuple[type[httpx.HTTPError], FailureKind, bool], ...] = (
    (httpx.ConnectError, catalog.UPSTREAM_CONNECT, False),
    (httpx.ConnectTimeout, catalog.UPSTREAM_CONNECT_TIMEOUT, False),
    (httpx.UnsupportedProtocol, catalog.UPSTREAM_CONNECT, False),
    (httpx.ProxyError, catalog.PROXY_UNAVAILABLE, False),
    (httpx.TimeoutException, catalog.UPSTREAM_TIMEOUT, True),
    (ContentCodingError, catalog.UPSTREAM_CODING, True),
    (httpx.DecodingError, catalog.RESPONSE_TOO_LARGE, True),
    (httpx.HTTPError, catalog.UPSTREAM_RESET, True),
)
#: Kinds whose code a transport puts in an error's text, before the reason. The request was not sent.
_UNSENT_KINDS = {
    kind.code: kind
    for kind in (
        *(catalog.UPSTREAM_REFUSED, catalog.UPSTREAM_CONNECT_TIMEOUT, catalog.UPSTREAM_UNKNOWN_HOST),
        *(catalog.UPSTREAM_CERTIFICATE, catalog.UPSTREAM_TLS),
        *(catalog.PROXY_REFUSED, catalog.PROXY_UNAVAILABLE),
    )
}
_PROXY_CODES = {catalog.PROXY_REFUSED.code, catalog.PROXY_UNAVAILABLE.code}
#: Bytes of a FHIR body that are searched in the event loop, in less than a millisecond.
_MAX_LOOP_BYTES = 1_000_000
_T = TypeVar("_T")
#: Methods that need Content-Length even without a body (RFC 9110 section 8.6).
_METHODS_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})


class UpstreamClient:
    """Sends one request to the upstream and raises each error, whatever its shape, as Failure."""

    def __init__(  # noqa: PLR0913, PLR0917 - its collaborators, each once
        self,
        transport: httpx.AsyncBaseTransport,
        dialect: Dialect,
        now: Callable[[], datetime],
        upstream_text: UpstreamText = "masked",
        wait_limits: WaitLimits = DEFAULT_LIMITS,
        count_dropped_fields: Callable[[str, int], None] = lambda *_: None,
        timeout_of: TimeoutOf = lambda _: None,
    ) -> None:
        self._transport = transport
        self._count_dropped_fields = count_dropped_fields
        self._timeout_of = timeout_of
        self._dialect = dialect
        self._now = now
        self._upstream_text = upstream_text
        self._wait_limits = wait_limits
        self._connection_log = ConnectionLog(dialect.name)
        foreign = CREDENTIALS - dialect.credential_headers | {IDEMPOTENCY_KEY} - {dialect.idempotency_header}
        self._response_header_rules = RESPONSE_HEADERS | (CACHING_HEADERS if dialect.relays_freshness else {})
        self._read_header_rules = {
            name: reason for name, reason in REQUEST_HEADERS.items() if name not in foreign
        }
        self._write_header_rules = self._read_header_rules | CONDITIONAL_HEADERS

    async def __call__(self, request: FhirRequest) -> FhirResponse:
        """Return the upstream's response. Raises Failure."""
        response = await self._send(request)
        failure = await self._judge(request, response)
        filtered = response.replace(headers=self._relayed_headers(response.headers))
        if failure is not None:
            failure.upstream_response = filtered
            self._log_failure(failure, request, response)
            try:
                raise failure
            finally:
                # Break the cycle frame → exception → traceback, so it is freed without the collector.
                del failure
        if reads_fhir(self._dialect, request):
            filtered = with_media_type(request, filtered)
        body = filtered.body
        if request.interaction.is_search:
            body = await _run_beside(lambda: downgrade_ignored_parameters(filtered.body), len(body))
        return filtered if body is filtered.body else filtered.replace(body=body)

    async def _judge(self, request: FhirRequest, response: FhirResponse) -> Failure | None:
        """Return the failure of a response; a large one is judged in a thread, by pieces."""
        judge = partial(
            self._dialect.failure_from_response,
            request,
            response,
            now=self._now(),
            wait_limits=self._wait_limits,
            upstream_text=self._upstream_text,
        )
        limit = _MAX_LOOP_BYTES if reads_fhir(self._dialect, request) else MAX_ERROR_BODY_BYTES
        return await _run_beside(judge, len(response.body), limit)

    def _relayed_headers(self, headers: Headers) -> Headers:
        """Fields for the client; counts those that no HTTP response can contain."""
        permitted = filter_headers(headers, self._response_header_rules)
        valid = valid_headers(permitted)
        if len(valid) < len(permitted):
            self._count_dropped_fields(self._dialect.name, len(permitted) - len(valid))
        return valid

    async def _send(self, request: FhirRequest) -> FhirResponse:
        try:
            response = await self._transport.handle_async_request(self._upstream_request(request))
        except (httpx.InvalidURL, UnicodeError):
            raise Failure(catalog.BAD_REQUEST, diagnostics=f"request={request.request_id}") from None
        except httpx.HTTPError as error:
            raise self._logged_failure(request, error) from error
        headers = _lowercase_headers(response)
        body = await _read_body(response, headers)
        is_decoded = reads_fhir(self._dialect, request) and _is_json(headers)
        return FhirResponse(response.status_code, headers, await _readable_json(body) if is_decoded else body)

    def _logged_failure(self, request: FhirRequest, error: httpx.HTTPError) -> Failure:
        """Log an error of the transport, and return it as a failure."""
        failure = _transport_failure(request, error, self._dialect.timeout)
        self._connection_log.add(failure, request, read_error_text(str(error))[1] or type(error).__name__)
        return failure

    def _upstream_request(self, request: FhirRequest) -> httpx.Request:
        """Build the request to send. HEAD becomes GET, because its headers describe the repaired response."""
        method = "GET" if request.method == "HEAD" else request.method
        headers = (
            *filter_headers(
                request.headers,
                self._write_header_rules if may_write(request) else self._read_header_rules,
            ),
            ("accept", accept_header(self._dialect, request)),
            ("x-request-id", request.request_id),
            *(request.trace.sent_fields if request.trace else ()),
            *_FIXED_HEADERS,
        )
        request = with_limited_count(self._dialect, request)
        timeout = self._timeout_of(request)
        is_plain = _is_plain(request.upstream_url, is_unchanged=is_unchanged(request))
        return (_lazy_request if is_plain else _httpx_request)(
            method, request.upstream_url, headers, request.upstream_body, timeout
        )

    def _log_failure(self, failure: Failure, request: FhirRequest, response: FhirResponse) -> None:
        """Log the codes of each failure at debug level, and an unrecognised shape at warning level.

        The upstream's text is only in the response: it may contain data of a patient.
        """
        fields = {"upstream": self._dialect.name, "status": response.status, "request_id": request.request_id}
        if failure.kind is UNRECOGNISED_RESPONSE or _UNRECOGNISED_CODING in failure.codings:
            _log.warning("upstream-unrecognised", **fields, content_type=media_type(response))
        codes = [code for _, code in failure.codings]
        _log.debug("upstream-failure", **fields, code=failure.kind.code, upstream_codes=codes)


def _lazy_request(
    method: str, url: str, headers: Headers, body: bytes, timeout: Timeout | None
) -> httpx.Request:
    """Build the request of `_httpx_request` in a tenth of its time, for a URL that is sent as it is."""
    fields = (
        *_host_field(url[: url.index("/", url.index("://") + 3)]),
        *headers,
        *_length_field(method, body),
    )
    return LazyRequest(method, url, fields, body, {"timeout": timeout} if timeout else {})


def _httpx_request(
    method: str, url: str, headers: Headers, body: bytes, timeout: Timeout | None
) -> httpx.Request:
    """Build a request whose URL httpx percent-encodes. Raises httpx.InvalidURL."""
    target = httpx.URL(url)
    return httpx.Request(
        method,
        target,
        headers=(("host", target.netloc.decode()), *headers, *_length_field(method, body)),
        stream=httpx.ByteStream(body),
        extensions={"timeout": timeout} if timeout else {},
    )


def _length_field(method: str, body: bytes) -> Headers:
    return (("content-length", str(len(body))),) if body or method in _METHODS_WITH_BODY else ()


def _is_plain(url: str, *, is_unchanged: bool) -> bool:
    """Whether path and query are sent as they are.

    Unless `is_unchanged`, that is so only if httpx would not change them.
    """
    end = max(url.find("/", url.find("://") + 3), 0)
    target = url[end:]
    is_plain = "/." not in target and _PLAIN_TARGET.fullmatch(target)
    return end > 0 and bool(is_plain or (is_unchanged and _VISIBLE_TARGET.fullmatch(target)))


@lru_cache(maxsize=256)
def _host_field(origin: str) -> Headers:
    """Return the field Host of `https://host:port`."""
    return (("host", httpx.URL(origin).netloc.decode()),)


def _lowercase_headers(response: httpx.Response) -> Headers:
    fields = response.fields if isinstance(response, LazyResponse) else response.headers.raw
    return tuple([(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in fields])


async def _read_body(response: httpx.Response, headers: Headers) -> bytes:
    """Return the whole body; httpx reads it only if it is compressed or not in memory yet."""
    if isinstance(response, LazyResponse):
        return response.body
    is_compressed = any(name == "content-encoding" for name, _ in headers)
    if isinstance(response.stream, httpx.ByteStream) and not is_compressed:
        return b"".join(response.stream)
    return await response.aread()


def _is_json(headers: Headers) -> bool:
    """Whether a body is JSON, or of no type."""
    return "json" in next((value for name, value in headers if name == "content-type"), "json")


async def _readable_json(body: bytes) -> bytes:
    """Return JSON without a byte order mark and lone surrogates, which a large body loses in a thread."""
    marked = body.removeprefix(BOM_UTF8)
    if not has_surrogates(marked):
        return marked
    return await _run_beside(lambda: without_lone_surrogates(marked), len(marked), MAX_ERROR_BODY_BYTES)


async def _run_beside(compute: Callable[[], _T], size: int, limit: int = _MAX_LOOP_BYTES) -> _T:
    """Return what is computed of a body; of one above the limit in a thread, beside which the loop runs."""
    if size <= limit:
        return compute()
    with frequent_switches():
        return await asyncio.to_thread(compute)


def _transport_failure(request: FhirRequest, error: httpx.HTTPError, timeout: FailureKind) -> Failure:
    kind, was_sent = next((kind, sent) for type_, kind, sent in _FAILURE_KINDS if isinstance(error, type_))
    kind = timeout if kind is catalog.UPSTREAM_TIMEOUT else kind
    details = f"request={request.request_id} cause={type(error).__name__}"
    if was_sent and may_write(request):
        unknown = kind_for(catalog.WRITE_OUTCOME_UNKNOWN, request.interaction)
        return Failure(unknown, diagnostics=details, codings=((ERROR_CODE_SYSTEM, kind.code),))
    kind = kind_for(kind, request.interaction)
    return Failure(kind, diagnostics=details) if was_sent else _unsent_failure(kind, details, str(error))


def _unsent_failure(kind: FailureKind, diagnostics: str, error_text: str) -> Failure:
    """Return the failure of a request that was not sent; the transport's text may contain its kind's code."""
    code, reason = read_error_text(error_text)
    status = f" proxy-status={reason}" if code in _PROXY_CODES and reason.isdecimal() else ""
    return Failure(_UNSENT_KINDS.get(code, kind), diagnostics=diagnostics + status)
