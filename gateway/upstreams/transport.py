"""httpx's transport interface over one aiohttp connection pool.

httpx's own pool slows with every open connection; aiohttp's does not. The package httpx-aiohttp combines
them, but re-quotes URLs, stores cookies, lets aiohttp repeat a PUT on a dropped connection, and reports a
reset after sending as a connect timeout. Each of these is unsafe in the gateway.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any

import aiohttp
import httpx
from aiohttp.connector import Connection
from yarl import URL

from gateway.errors import catalog
from gateway.upstreams.aiohttp_errors import error_kind, error_text
from gateway.upstreams.content_codings import PIECE_BYTES, content_codings, undo_codings
from gateway.upstreams.tls import ssl_context

#: aiohttp's exception and httpx's; first match wins. Only errors of the connector mean that the request was
#: not sent.
_ERROR_MAPPING: tuple[tuple[type[BaseException], type[httpx.TransportError]], ...] = (
    (aiohttp.ConnectionTimeoutError, httpx.ConnectTimeout),
    (aiohttp.ClientConnectorError, httpx.ConnectError),
    (TimeoutError, httpx.ReadTimeout),
    (aiohttp.InvalidURL, httpx.UnsupportedProtocol),
    (aiohttp.ClientError, httpx.ReadError),
    (ConnectionError, httpx.ReadError),
)
#: Connector errors that concern the proxy, if there is one: the gateway resolves only the proxy's name then.
_PROXY_CONNECTION_ERRORS = (aiohttp.ClientProxyConnectionError, aiohttp.ClientConnectorDNSError)
#: Fields of the compressed body.
_DISCARDED_HEADERS = frozenset({b"content-encoding", b"content-length"})
#: Fields that aiohttp must not add to a request without them.
_SKIPPED_AUTO_HEADERS = ("Accept", "Accept-Encoding", "User-Agent", "Content-Type")


class PooledTransport(httpx.AsyncBaseTransport):
    """Connection pool of the process: no redirects, cookies or retries, and no environment variables.

    `total_timeout`: maximum seconds from request to complete response; `max_body`: maximum bytes of its
    body; None: it is not read, and a response ends with its head.
    `proxy` is the http URL of an outbound proxy, with its credentials; `ca_file` contains certificates that
    are trusted in addition to the system's. Raises OSError if the file cannot be read.
    """

    def __init__(
        self,
        *,
        limits: httpx.Limits,
        timeout: httpx.Timeout,
        max_body: int | None,
        total_timeout: float | None = None,
        proxy: str = "",
        ca_file: Path | None = None,
    ) -> None:
        self._limits = limits
        self._timeout = aiohttp.ClientTimeout(
            total=total_timeout, connect=timeout.pool, sock_connect=timeout.connect, sock_read=timeout.read
        )
        self._max_body = max_body
        self._proxy = URL(proxy) if proxy else None
        self._ssl_context = ssl_context(ca_file)
        self._session: aiohttp.ClientSession | None = None
        self._is_closed = False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Return the upstream's response, with its whole body if that is read. Raises TransportError."""
        with _translate_errors():
            async with self._open_session().request(
                request.method,
                _request_url(request),
                headers=_fields_of(request),
                data=_body_of(request),
                allow_redirects=False,
                timeout=self._timeout_of(request),
            ) as response:
                if self._proxy and response.url.scheme == "http":
                    _require_proxy_passage(response.status)
                body = await self._read_body(response)
        codings = [value for name, value in response.raw_headers if name.lower() == b"content-encoding"]
        if self._max_body is not None:
            body = await undo_codings(body, content_codings(codings), self._max_body)
        headers = [header for header in response.raw_headers if header[0].lower() not in _DISCARDED_HEADERS]
        return httpx.Response(response.status, headers=headers, stream=httpx.ByteStream(body))

    def _timeout_of(self, request: httpx.Request) -> aiohttp.ClientTimeout:
        """Timeout of the pool, with what the extension `timeout` of a request replaces: `read`, `total`."""
        own = request.extensions.get("timeout")
        if not own:
            return self._timeout
        default = self._timeout
        return aiohttp.ClientTimeout(
            total=own.get("total", default.total),
            connect=default.connect,
            sock_connect=default.sock_connect,
            sock_read=own.get("read", default.sock_read),
        )

    async def aclose(self) -> None:
        """Close every connection, and open none any more."""
        self._is_closed = True
        if self._session is not None:
            await self._session.close()

    def _open_session(self) -> aiohttp.ClientSession:
        if self._is_closed:
            raise httpx.ConnectError(f"{catalog.UPSTREAM_CONNECT.code} closed")
        if self._session is None:
            connector = _Connector(
                limit=self._limits.max_connections or 0,
                keepalive_timeout=self._limits.keepalive_expiry,
                ssl=self._ssl_context,
            )
            self._session = aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                skip_auto_headers=_SKIPPED_AUTO_HEADERS,
                proxy=self._proxy,
                trust_env=False,
                auto_decompress=False,
            )
            # aiohttp may repeat a PUT on a dropped connection; a write must be sent at most once.
            self._session._retry_connection = False  # noqa: SLF001
        return self._session

    async def _read_body(self, response: aiohttp.ClientResponse) -> bytes:
        if self._max_body is None:
            response.close()
            return b""
        pieces, size = [], 0
        async for piece in response.content.iter_any():
            pieces.append(piece)
            size += len(piece)
            if size > self._max_body:
                response.close()
                raise httpx.DecodingError("the response is larger than upstream.max_body")
        # Python joins large bytes without its lock, so other requests go on.
        return await asyncio.to_thread(b"".join, pieces) if size > PIECE_BYTES else b"".join(pieces)


def _body_of(request: httpx.Request) -> bytes | AsyncIterator[bytes] | None:
    """Return the body: a large one in pieces, so that other requests go on while it is sent."""
    body = request.read()
    return _pieces(body) if len(body) > PIECE_BYTES else body or None


async def _pieces(body: bytes) -> AsyncIterator[bytes]:
    view = memoryview(body)
    for start in range(0, len(body), PIECE_BYTES):
        yield bytes(view[start : start + PIECE_BYTES])


def _fields_of(request: httpx.Request) -> list[tuple[str, str]]:
    """Header fields. Raises UnicodeError if one is not ASCII."""
    return [(name.decode("ascii"), value.decode("ascii")) for name, value in request.headers.raw]


def _request_url(request: httpx.Request) -> URL:
    """URL to send; the `url` extension avoids a second parse."""
    return URL(request.extensions.get("url") or str(request.url), encoded=True)


class _Connector(aiohttp.TCPConnector):
    """Connector that distinguishes a failure of the proxy (request not sent) from one of the upstream."""

    async def connect(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Any],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - aiohttp's signature
    ) -> Connection:
        """Return a connection. Raises httpx.ProxyError for every failure of a proxy."""
        try:
            return await super().connect(req, traces, timeout)
        except (aiohttp.ClientError, OSError) as error:
            if req.proxy is None or _is_tls_error(error):
                raise
            raise httpx.ProxyError(_proxy_error_text(error)) from error


def _is_tls_error(error: BaseException) -> bool:
    """Whether an error occurred in the TLS handshake with the upstream, behind the proxy."""
    return isinstance(error, aiohttp.ClientConnectorError) and not isinstance(error, _PROXY_CONNECTION_ERRORS)


def _proxy_error_text(error: BaseException) -> str:
    """Return the code of the kind, and the proxy's status or the reason; 5xx means it is unavailable."""
    if not isinstance(error, aiohttp.ClientHttpProxyError):
        return f"{catalog.PROXY_UNAVAILABLE.code} {error_kind(error)[1]}"
    is_refusal = error.status < HTTPStatus.INTERNAL_SERVER_ERROR
    return f"{(catalog.PROXY_REFUSED if is_refusal else catalog.PROXY_UNAVAILABLE).code} {error.status}"


def _require_proxy_passage(status: int) -> None:
    """Raise httpx.ProxyError if a proxy responded instead of the upstream (RFC 9110 section 15.5.8)."""
    if status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
        raise httpx.ProxyError(f"{catalog.PROXY_REFUSED.code} {status}")


@contextmanager
def _translate_errors() -> Iterator[None]:
    try:
        yield
    except (aiohttp.ClientError, TimeoutError, ConnectionError) as error:
        httpx_error = next(new for old, new in _ERROR_MAPPING if isinstance(error, old))
        raise httpx_error(error_text(error)) from error
