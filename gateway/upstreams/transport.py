"""httpx's transport interface over one aiohttp connection pool.

httpx's own pool slows with every open connection; aiohttp's does not. httpx-aiohttp joins the two but
re-quotes URLs, keeps cookies, lets aiohttp repeat a PUT on a dropped connection, and reports a reset
after sending as a connect timeout: each of them unsafe here, so the join is these few lines instead.
"""

import ssl
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any

import aiohttp
import httpx
from aiohttp.connector import Connection
from yarl import URL

from gateway.errors import catalog
from gateway.errors.failure import FailureKind

#: aiohttp's exception -> httpx's, and the kind whose code is its text; the first that matches. Only errors of
#: the connector mean "nothing sent".
_ERROR_MAPPING: tuple[tuple[type[BaseException], type[httpx.TransportError], FailureKind | None], ...] = (
    (aiohttp.ConnectionTimeoutError, httpx.ConnectTimeout, None),
    (aiohttp.ClientConnectorCertificateError, httpx.ConnectError, catalog.UPSTREAM_CERTIFICATE),
    (aiohttp.ClientConnectorError, httpx.ConnectError, None),
    (TimeoutError, httpx.ReadTimeout, None),
    (aiohttp.InvalidURL, httpx.UnsupportedProtocol, None),
    (aiohttp.ClientError, httpx.ReadError, None),
    (ConnectionError, httpx.ReadError, None),
)
#: Errors of a connector behind a proxy that are about the proxy: only its name is ever looked up.
_PROXY_CONNECTION_ERRORS = (aiohttp.ClientProxyConnectionError, aiohttp.ClientConnectorDNSError)
#: True of the packed body only: aiohttp has unpacked it, and httpx would try again.
_DISCARDED_HEADERS = frozenset({b"content-encoding", b"content-length"})
#: aiohttp adds these by itself when they are absent.
_SKIPPED_AUTO_HEADERS = ("Accept", "Accept-Encoding", "User-Agent", "Content-Type")


class PooledTransport(httpx.AsyncBaseTransport):
    """One pool for the process: no redirects, no cookies, no repeats, and nothing from the environment.

    `total` is how many seconds one exchange may take as a whole, however slowly bytes keep coming. `proxy` is
    the http URL of an outbound proxy, with its credentials; `ca_file` holds certificates that are trusted
    beside the system's. Raises OSError where it cannot be read.
    """

    def __init__(
        self,
        *,
        limits: httpx.Limits,
        timeout: httpx.Timeout,
        max_body: int,
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
        """The upstream's answer, read whole. Raises httpx.TransportError; see `_ERRORS`."""
        with _translate_errors():
            async with self._open_session().request(
                request.method,
                _request_url(request),
                headers=[
                    (name.decode("ascii"), value.decode("ascii")) for name, value in request.headers.raw
                ],
                data=request.read() or None,
                allow_redirects=False,
                timeout=self._timeout,
            ) as answer:
                if self._proxy and answer.url.scheme == "http":
                    _require_proxy_passage(answer.status)
                body = await self._read_body(answer)
        headers = [each for each in answer.raw_headers if each[0].lower() not in _DISCARDED_HEADERS]
        return httpx.Response(answer.status, headers=headers, stream=httpx.ByteStream(body))

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
            # aiohttp counts PUT among what it may send twice; a write must never be.
            self._session._retry_connection = False  # noqa: SLF001
        return self._session

    async def _read_body(self, response: aiohttp.ClientResponse) -> bytes:
        pieces, size = [], 0
        async for piece in response.content.iter_any():
            pieces.append(piece)
            size += len(piece)
            if size > self._max_body:
                response.close()
                raise httpx.DecodingError("the answer is over upstream.max_body")
        return b"".join(pieces)


def _request_url(request: httpx.Request) -> URL:
    """The URL as it is sent; the `url` extension spares parsing it twice."""
    return URL(request.extensions.get("url") or str(request.url), encoded=True)


def ssl_context(ca_file: Path | None) -> ssl.SSLContext:
    """TLS that trusts the system's certificates and those of a PEM file.

    OpenSSL's own paths are named, because its default call takes SSL_CERT_FILE and SSL_CERT_DIR instead.
    Raises OSError where the file cannot be read.
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
    """A connector that knows a proxy's failure, before which nothing was sent, from the upstream's."""

    async def connect(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Any],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - aiohttp's signature
    ) -> Connection:
        """A connection. Raises httpx.ProxyError where a proxy gave none, in whatever way."""
        try:
            return await super().connect(req, traces, timeout)
        except (aiohttp.ClientError, OSError) as problem:
            if req.proxy is None or _is_tls_error(problem):
                raise
            raise httpx.ProxyError(_proxy_error_text(problem)) from problem


def _is_tls_error(error: BaseException) -> bool:
    """Whether an error came behind the proxy, in the handshake with the upstream."""
    return isinstance(error, aiohttp.ClientConnectorError) and not isinstance(error, _PROXY_CONNECTION_ERRORS)


def _proxy_error_text(error: BaseException) -> str:
    """The code of the kind, and the status that the proxy answered; a 5xx is trouble on its own way."""
    if not isinstance(error, aiohttp.ClientHttpProxyError):
        return catalog.PROXY_UNAVAILABLE.code
    refused = error.status < HTTPStatus.INTERNAL_SERVER_ERROR
    return f"{(catalog.PROXY_REFUSED if refused else catalog.PROXY_UNAVAILABLE).code} {error.status}"


def _require_proxy_passage(status: int) -> None:
    """Raises httpx.ProxyError where a proxy answered instead of the upstream (RFC 9110 section 15.5.8)."""
    if status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
        raise httpx.ProxyError(f"{catalog.PROXY_REFUSED.code} {status}")


@contextmanager
def _translate_errors() -> Iterator[None]:
    try:
        yield
    except (aiohttp.ClientError, TimeoutError, ConnectionError) as problem:
        ours, kind = next(
            (ours, kind) for theirs, ours, kind in _ERROR_MAPPING if isinstance(problem, theirs)
        )
        raise ours(kind.code if kind else type(problem).__name__) from problem
