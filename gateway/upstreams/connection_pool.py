"""Connections to upstreams: a bounded number, kept for further requests, with a queue in order of arrival."""

import asyncio
import socket
import ssl
from collections import deque
from math import inf
from typing import NamedTuple

import aiohappyeyeballs
import httpx

from gateway.errors import catalog
from gateway.upstreams.connection import Connection
from gateway.upstreams.connection_errors import connection_problem
from gateway.upstreams.name_resolver import NameResolver

#: Seconds after which the next address of a name is tried as well (RFC 8305 section 5).
_NEXT_ADDRESS_SECONDS = 0.25


class Origin(NamedTuple):
    """Where a connection leads to."""

    is_tls: bool
    host: str
    port: int


class ConnectionPool:
    """Connections by origin; each serves one request at a time.

    `connect_seconds` are those for the look-up of the name, TCP and TLS together.
    """

    def __init__(
        self,
        limits: httpx.Limits,
        connect_seconds: float | None,
        tls_context: ssl.SSLContext,
        names: NameResolver | None = None,
    ) -> None:
        self._max_connections = inf if limits.max_connections is None else limits.max_connections
        self._idle_seconds = limits.keepalive_expiry
        self._connect_seconds = inf if connect_seconds is None else connect_seconds
        self._tls_context = tls_context
        self._names = names or NameResolver()
        #: Idle connections by origin; the one that was used last is the last.
        self._idle: dict[Origin, list[Connection]] = {}
        self._busy: set[Connection] = set()
        #: Requests that have or open a connection, and requests that wait for a place.
        self._used_places = 0
        self._queue: deque[asyncio.Future[None]] = deque()
        self._is_closed = False

    async def acquire(self, origin: Origin, ends_at: float) -> Connection:
        """Return a connection, which must be released. Nothing was sent if there is none.

        `ends_at`: time of the event loop. Raises httpx.ConnectError or ConnectTimeout.
        """
        if self._used_places < self._max_connections:
            self._used_places += 1
        else:
            await self._wait_for_place(ends_at)
        try:
            connection = self._take_idle(origin) or await self._open(origin, ends_at)
        except BaseException:
            self._free_place()
            raise
        self._busy.add(connection)
        return connection

    def release(self, origin: Origin, connection: Connection) -> None:
        """Keep a connection if it is still open, and let the next request go on."""
        self._busy.discard(connection)
        if connection.is_open:
            connection.keep_for(self._idle_seconds)
            self._idle.setdefault(origin, []).append(connection)
        self._free_place()

    def close(self) -> None:
        """Close every connection, and open none any more.

        A request that nobody waits for may run on while the process ends, and its connection would stay open.
        """
        self._is_closed = True
        self.close_connections()

    def close_connections(self) -> None:
        """Close every connection, before the event loop ends; another loop may open new ones."""
        idle, self._idle = self._idle, {}
        for connection in (*self._busy, *(each for group in idle.values() for each in group)):
            connection.close()

    def _take_idle(self, origin: Origin) -> Connection | None:
        """Return the connection that was used last, and forget those that the upstream has closed."""
        group = self._idle.get(origin)
        while group:
            connection = group.pop()
            if connection.is_silent():
                return connection
            connection.close()
        return None

    async def _open(self, origin: Origin, ends_at: float) -> Connection:
        self._make_room()
        ends_at = min(ends_at, asyncio.get_running_loop().time() + self._connect_seconds)
        try:
            async with asyncio.timeout_at(None if ends_at == inf else ends_at):
                return await self._connect(origin)
        except OSError as error:
            kind, reason = connection_problem(error)
            error_type = httpx.ConnectTimeout if reason == "no-reply" else httpx.ConnectError
            raise error_type(f"{kind.code} {reason}") from error

    async def _connect(self, origin: Origin) -> Connection:
        """Look up the name, and connect to the first of its addresses that responds. Raises OSError."""
        self._require_open()
        loop = asyncio.get_running_loop()
        connected = await self._reach(origin)
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        _, connection = await loop.create_connection(
            lambda: Connection(loop),
            sock=connected,
            ssl=self._tls_context if origin.is_tls else None,
            server_hostname=origin.host.rstrip(".") if origin.is_tls else None,
        )
        if self._is_closed:
            connection.close()
        self._require_open()
        return connection

    def _require_open(self) -> None:
        if self._is_closed:
            raise ConnectionAbortedError("the pool is closed")

    async def _reach(self, origin: Origin) -> socket.socket:
        """Open a TCP connection. Addresses of which none responds are looked up again. Raises OSError."""
        addresses = await self._names.resolve(origin.host, origin.port)
        try:
            return await aiohappyeyeballs.start_connection(
                addresses, happy_eyeballs_delay=_NEXT_ADDRESS_SECONDS
            )
        except BaseException:
            self._names.forget(origin.host, origin.port)
            raise

    def _make_room(self) -> None:
        """Close idle connections, to whichever origin, that would be more than the maximum."""
        for origin, group in list(self._idle.items()):
            self._idle[origin] = [connection for connection in group if connection.is_open]
            if not self._idle[origin]:
                del self._idle[origin]
        surplus = self._used_places + sum(map(len, self._idle.values())) - self._max_connections
        for group in self._idle.values():
            while surplus > 0 and group:
                group.pop(0).close()
                surplus -= 1

    async def _wait_for_place(self, ends_at: float) -> None:
        """Wait until an earlier request hands its place over. Raises httpx.ConnectTimeout."""
        place = asyncio.get_running_loop().create_future()
        self._queue.append(place)
        try:
            async with asyncio.timeout_at(None if ends_at == inf else ends_at):
                await place
        except BaseException as error:
            if not place.cancelled():
                self._free_place()
            elif place in self._queue:
                self._queue.remove(place)
            if isinstance(error, TimeoutError):
                code = catalog.UPSTREAM_CONNECT_TIMEOUT.code
                raise httpx.ConnectTimeout(f"{code} no-reply") from None
            raise

    def _free_place(self) -> None:
        """Hand a place over to the request that has waited longest."""
        while self._queue:
            place = self._queue.popleft()
            if not place.done():
                place.set_result(None)
                return
        self._used_places -= 1
