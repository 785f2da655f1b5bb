"""httpx's transport interface over the gateway's own HTTP/1.1 connections, for upstreams without a proxy.

A request costs a third of `PooledTransport`'s CPU time. No maintained library fits: pyreqwest reports a
connection that broke after sending as a connect error (its issue 27), niquests and urllib3 repeat requests.
"""

import asyncio
from functools import lru_cache
from math import inf
from pathlib import Path

import httpx

from gateway.upstreams.connection import Limits
from gateway.upstreams.connection_pool import ConnectionPool, Origin
from gateway.upstreams.content_codings import PIECE_BYTES, content_codings, undo_codings
from gateway.upstreams.lazy_messages import LazyRequest, LazyResponse
from gateway.upstreams.response_reader import Received
from gateway.upstreams.tls import ssl_context

#: Fields of the compressed body, in lower case.
_BODY_FIELDS = frozenset({b"content-encoding", b"content-length"})
_PORTS = {"http": 80, "https": 443}


class DirectTransport(httpx.AsyncBaseTransport):
    """Connection pool of the process: no redirects, cookies or retries, and no environment variables.

    `total_timeout`: maximum seconds from request to complete response; `max_body`: maximum bytes of its
    body; None: it is not read, and a response ends with its head. `ca_file` contains certificates that are
    trusted in addition to the system's. Raises OSError if the file cannot be read.
    """

    def __init__(
        self,
        *,
        limits: httpx.Limits,
        timeout: httpx.Timeout,
        max_body: int | None,
        total_timeout: float | None = None,
        ca_file: Path | None = None,
    ) -> None:
        self._pool = ConnectionPool(limits, timeout.connect, ssl_context(ca_file))
        self._pool_seconds = _seconds(timeout.pool)
        self._read_seconds = _seconds(timeout.read)
        self._total_seconds = _seconds(total_timeout)
        self._max_body = max_body

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Return the upstream's response, with its whole body if that is read. Raises TransportError."""
        origin, head, body = _message(request)
        now = asyncio.get_running_loop().time()
        limits = self._limits_of(request, now)
        connection = await self._pool.acquire(origin, min(limits.ends_at, now + self._pool_seconds))
        try:
            received = await connection.exchange(head, body, limits, has_body=request.method != "HEAD")
        finally:
            self._pool.release(origin, connection)
        return await self._response(received)

    async def aclose(self) -> None:
        """Close every connection, and open none any more."""
        self._pool.close()

    def close_connections(self) -> None:
        """Close every connection, before the event loop ends; another loop may open new ones."""
        self._pool.close_connections()

    def _limits_of(self, request: httpx.Request, now: float) -> Limits:
        """Limits of the transport, with what the extension `timeout` replaces: `read`, `total`."""
        own = request.extensions.get("timeout") or {}
        read, total = own.get("read", self._read_seconds), own.get("total", self._total_seconds)
        return Limits(_seconds(read), now + _seconds(total), self._max_body)

    async def _response(self, received: Received) -> httpx.Response:
        """Build the response, without the fields of the compressed body."""
        # Python joins large bytes without its lock, so other requests go on.
        is_large, pieces = received.size > PIECE_BYTES, received.pieces
        body = await asyncio.to_thread(b"".join, pieces) if is_large else b"".join(pieces)
        codings: list[bytes] = []
        fields = []
        for field in received.fields:
            name = field[0].lower()
            if name not in _BODY_FIELDS:
                fields.append(field)
            elif name == b"content-encoding":
                codings.append(field[1])
        if codings and body and self._max_body is not None:
            body = await undo_codings(body, content_codings(codings), self._max_body)
        return LazyResponse(received.status, fields, body)


def _seconds(timeout: float | None) -> float:
    return inf if timeout is None else timeout


def _message(request: httpx.Request) -> tuple[Origin, bytes, bytes]:
    """Return the origin, the head and the body of a request.

    Raises httpx.InvalidURL if the head cannot be sent, UnicodeEncodeError if it is not ASCII.
    """
    if isinstance(request, LazyRequest):
        origin, target = _split_url(request.url_text)
        return origin, _head(request.method, target, request.fields), request.body
    url, body = request.url, request.read()
    fields = tuple((name.decode("ascii"), value.decode("ascii")) for name, value in request.headers.raw)
    origin = _origin(f"{url.scheme}://{url.netloc.decode('ascii')}")
    return origin, _head(request.method, url.raw_path.decode("ascii"), fields), body


def _split_url(text: str) -> tuple[Origin, str]:
    """Return the origin and the target of an absolute URL with a path."""
    end = text.index("/", text.index("://") + 3)
    return _origin(text[:end]), text[end:]


@lru_cache(maxsize=256)
def _origin(text: str) -> Origin:
    """Parse `https://host:port`. Raises httpx.UnsupportedProtocol for another URL."""
    url = httpx.URL(text)
    if url.scheme not in _PORTS or url.userinfo or url.raw_path != b"/" or url.fragment or not url.host:
        raise httpx.UnsupportedProtocol("the URL is no origin of http or https")
    return Origin(url.scheme == "https", url.raw_host.decode("ascii"), url.port or _PORTS[url.scheme])


def _head(method: str, target: str, fields: tuple[tuple[str, str], ...]) -> bytes:
    """Return the request line and the fields. Raises httpx.InvalidURL if a part would start another line."""
    lines = [f"{method} {target} HTTP/1.1", *[f"{name}: {value}" for name, value in fields], "\r\n"]
    text = "\r\n".join(lines)
    count = len(fields) + 2
    has_other_breaks = text.count("\r") != count or text.count("\n") != count or "\0" in text
    if has_other_breaks or lines[0].count(" ") != 2:  # noqa: PLR2004 - around the target
        raise httpx.InvalidURL("a part of the request head contains a line break, a NUL or a space")
    return text.encode("ascii")
