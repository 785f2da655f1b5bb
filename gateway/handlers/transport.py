"""httpx's transport interface over one aiohttp connection pool.

httpx's own pool slows with every open connection; aiohttp's does not. httpx-aiohttp joins the two but
re-quotes URLs, keeps cookies, lets aiohttp repeat a PUT on a dropped connection, and reports a reset
after sending as a connect timeout: each of them unsafe here, so the join is these few lines instead.
"""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager

import aiohttp
import httpx
from yarl import URL

#: aiohttp's exception -> httpx's; the first that matches. Only the connector's errors mean "nothing sent".
_ERRORS: tuple[tuple[type[BaseException], type[httpx.TransportError]], ...] = (
    (aiohttp.ConnectionTimeoutError, httpx.ConnectTimeout),
    (aiohttp.ClientConnectorError, httpx.ConnectError),
    (TimeoutError, httpx.ReadTimeout),
    (aiohttp.InvalidURL, httpx.UnsupportedProtocol),
    (aiohttp.ClientError, httpx.ReadError),
    (ConnectionError, httpx.ReadError),
)
#: True of the packed body only: aiohttp has unpacked it, and httpx would try again.
_UNPACKED = frozenset({b"content-encoding", b"content-length"})
#: aiohttp adds these by itself when they are absent.
_NOT_ADDED = ("Accept", "Accept-Encoding", "User-Agent", "Content-Type")


class PooledTransport(httpx.AsyncBaseTransport):
    """One pool for the process: no redirects, no cookies, no proxies from the environment, no repeats.

    `total` is how many seconds one exchange may take as a whole, however slowly bytes keep coming.
    """

    def __init__(
        self,
        *,
        limits: httpx.Limits,
        timeout: httpx.Timeout,
        max_body: int,
        total: float | None = None,
    ) -> None:
        self._limits = limits
        self._timeout = aiohttp.ClientTimeout(
            total=total, connect=timeout.pool, sock_connect=timeout.connect, sock_read=timeout.read
        )
        self._max_body = max_body
        self._session: aiohttp.ClientSession | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """The upstream's answer, read whole. Raises httpx.TransportError; see `_ERRORS`."""
        with _as_httpx():
            async with self._opened().request(
                request.method,
                _url(request),
                headers=[
                    (name.decode("ascii"), value.decode("ascii")) for name, value in request.headers.raw
                ],
                data=request.read() or None,
                allow_redirects=False,
                timeout=self._timeout,
            ) as answer:
                body = await self._read(answer)
        headers = [each for each in answer.raw_headers if each[0].lower() not in _UNPACKED]
        return httpx.Response(answer.status, headers=headers, stream=httpx.ByteStream(body))

    async def aclose(self) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(
                limit=self._limits.max_connections or 0,
                keepalive_timeout=self._limits.keepalive_expiry,
                ssl=ssl.create_default_context(),
            )
            self._session = aiohttp.ClientSession(
                connector=connector, cookie_jar=aiohttp.DummyCookieJar(), skip_auto_headers=_NOT_ADDED
            )
            # aiohttp counts PUT among what it may send twice; a write must never be.
            self._session._retry_connection = False  # noqa: SLF001
        return self._session

    async def _read(self, answer: aiohttp.ClientResponse) -> bytes:
        pieces, size = [], 0
        async for piece in answer.content.iter_any():
            pieces.append(piece)
            size += len(piece)
            if size > self._max_body:
                answer.close()
                raise httpx.DecodingError("the answer is over upstream.max_body")
        return b"".join(pieces)


def _url(request: httpx.Request) -> URL:
    """The URL as it is sent; the `url` extension spares parsing it twice."""
    return URL(request.extensions.get("url") or str(request.url), encoded=True)


@contextmanager
def _as_httpx() -> Iterator[None]:
    try:
        yield
    except (aiohttp.ClientError, TimeoutError, ConnectionError) as problem:
        raise next(ours for theirs, ours in _ERRORS if isinstance(problem, theirs))(
            type(problem).__name__
        ) from problem
