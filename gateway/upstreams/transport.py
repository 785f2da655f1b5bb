"""httpx's transport interface over one aiohttp connection pool.

httpx's own pool slows with every open connection; aiohttp's does not. The package httpx-aiohttp combines
them, but re-quotes URLs, stores cookies, lets aiohttp repeat a PUT on a dropped connection, and reports a
reset after sending as a connect timeout. Each of these is unsafe in the gateway.
"""

import asyncio
import ssl
import sys
import zlib
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
from gateway.upstreams.connection_errors import error_kind, error_text, is_coding_error

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
#: Fields of the compressed body: aiohttp has decompressed it, and httpx would decompress it again.
_DISCARDED_HEADERS = frozenset({b"content-encoding", b"content-length"})
#: Codings that aiohttp has undone, if it raised no error; names of gzip (RFC 9110 section 8.4.1.3).
_UNDONE_CODINGS = frozenset({"gzip", "deflate", "br", "zstd"})
_GZIP_NAMES = frozenset({"gzip", "x-gzip"})
#: Size of the pieces in which a larger body is sent, in bytes; a larger one is joined in a thread.
_PIECE_BYTES = 256 * 1024
#: Fields that aiohttp must not add to a request without them.
_SKIPPED_AUTO_HEADERS = ("Accept", "Accept-Encoding", "User-Agent", "Content-Type")


class ContentCodingError(httpx.DecodingError):
    """The content coding of a response cannot be undone."""


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

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Return the upstream's response, with its whole body if that is read. Raises TransportError."""
        with _translate_errors():
            async with self._open_session().request(
                request.method,
                _request_url(request),
                headers=[
                    (name.decode("ascii"), value.decode("ascii")) for name, value in request.headers.raw
                ],
                data=_body_of(request),
                allow_redirects=False,
                timeout=self._timeout_of(request),
            ) as response:
                if self._proxy and response.url.scheme == "http":
                    _require_proxy_passage(response.status)
                body = await self._undo_coding(response, await self._read_body(response))
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
        """Close every connection."""
        if self._session is not None:
            await self._session.close()

    def _open_session(self) -> aiohttp.ClientSession:
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
        return await asyncio.to_thread(b"".join, pieces) if size > _PIECE_BYTES else b"".join(pieces)

    async def _undo_coding(self, response: aiohttp.ClientResponse, body: bytes) -> bytes:
        """Return a body without the codings that aiohttp does not know. Raises DecodingError."""
        codings = _unknown_codings(response) if body else ()
        if not codings:
            return body
        if len(codings) > 1 or codings[0] not in _GZIP_NAMES:
            raise ContentCodingError("the response has an unknown content coding")
        return await asyncio.to_thread(_gunzip, body, self._max_body or 0)


def _unknown_codings(response: aiohttp.ClientResponse) -> list[str]:
    """Names of a body's content codings in lower case, unless aiohttp has undone them."""
    written = ",".join(response.headers.getall("content-encoding", ())).lower()
    names = [name.strip() for name in written.split(",")]
    return [] if written in _UNDONE_CODINGS else [name for name in names if name not in {"", "identity"}]


def _gunzip(body: bytes, max_size: int) -> bytes:
    """Return what a gzip file of one member contains. Raises DecodingError."""
    member = zlib.decompressobj(16 + zlib.MAX_WBITS)
    try:
        content = member.decompress(body, max_size + 1)
    except zlib.error:
        raise ContentCodingError("the response is no gzip file") from None
    if len(content) > max_size:
        raise httpx.DecodingError("the response is larger than upstream.max_body")
    if not member.eof or member.unused_data:
        raise ContentCodingError("the response is no whole gzip file")
    return content


def _body_of(request: httpx.Request) -> bytes | AsyncIterator[bytes] | None:
    """Return the body: a large one in pieces, so that other requests go on while it is sent."""
    body = request.read()
    return _pieces(body) if len(body) > _PIECE_BYTES else body or None


async def _pieces(body: bytes) -> AsyncIterator[bytes]:
    view = memoryview(body)
    for start in range(0, len(body), _PIECE_BYTES):
        yield bytes(view[start : start + _PIECE_BYTES])


def _request_url(request: httpx.Request) -> URL:
    """URL to send; the `url` extension avoids a second parse."""
    return URL(request.extensions.get("url") or str(request.url), encoded=True)


def ssl_context(ca_file: Path | None) -> ssl.SSLContext:
    """TLS context that trusts the system's certificates and those of a PEM file.

    It states OpenSSL's own paths, because the default call uses SSL_CERT_FILE and SSL_CERT_DIR instead.
    Raises OSError if the file cannot be read.
    """
    system = ssl.get_default_verify_paths()
    context = ssl.create_default_context(capath=system.openssl_capath)
    if Path(system.openssl_cafile).is_file():
        context.load_verify_locations(system.openssl_cafile)
    if sys.platform == "win32":
        context.load_default_certs()
    if ca_file:
        context.load_verify_locations(ca_file)
    return context


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
        if is_coding_error(error):
            raise ContentCodingError(error_text(error)) from error
        httpx_error = next(new for old, new in _ERROR_MAPPING if isinstance(error, old))
        raise httpx_error(error_text(error)) from error
