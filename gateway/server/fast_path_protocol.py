"""Fast path: a connection that serves cache hits as soon as the headers are read, without task or routing."""

from functools import lru_cache
from time import perf_counter
from typing import ClassVar

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from gateway.cache.prepared import RawHeader, render_headers
from gateway.server.connection import LimitedConnection, limited_connection_class
from gateway.settings import Server
from gateway.web.fast_path import FastPathCache

#: Bytes from which a body is written separately: copying it behind the headers would cost more.
_SEPARATE_WRITE_BYTES = 65_536


class FastPathProtocol(LimitedConnection):
    """Writes a hit itself if the connection is idle; the application handles all other requests.

    `protocol_class` makes the class for a server.
    """

    hits: ClassVar[FastPathCache]
    _is_hit = False

    def on_headers_complete(self) -> None:
        """Write the hit, or pass the request on to the application."""
        self._is_hit = self._may_respond_now and self._write_hit()
        if not self._is_hit:
            super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Complete the hit, or pass the request on to the application."""
        if self._is_hit:
            self._is_hit = False
            self.on_request_read()
            self.on_response_complete()
        else:
            super().on_message_complete()

    @property
    def _may_respond_now(self) -> bool:
        """Whether this is a plain GET, no earlier response is outstanding, and the client reads."""
        return (
            self.parser.get_method() == b"GET"
            and (self.cycle is None or self.cycle.response_complete)
            and not self.flow.write_paused
            and self.parser.get_http_version() == "1.1"
            and self.parser.should_keep_alive()
            and not self.is_upgrade_offer
        )

    def _write_hit(self) -> bool:
        started_at = perf_counter()
        request = self.hits.parse_request(self.url, self.headers, self.client[0] if self.client else "")
        hit = request and self.hits.find_response(request)
        if request is None or hit is None:
            return False
        own, encoded = self.hits.record_hit(request, hit, started_at), hit.encoding_for(request)
        head = (_response_start(tuple(self.server_state.default_headers)), encoded.head, own.head)
        if len(encoded.body) < _SEPARATE_WRITE_BYTES:
            self.transport.write(b"".join((*head, encoded.body)))
        else:
            self.transport.writelines((b"".join(head), encoded.body))
        return True


@lru_cache(maxsize=1)
def _response_start(default_headers: tuple[RawHeader, ...]) -> bytes:
    """Return the status line and uvicorn's default headers, which change once a second (Date)."""
    return STATUS_LINE[200] + render_headers(default_headers)


def protocol_class(limits: Server, hits: FastPathCache | None) -> type[LimitedConnection]:
    """Return the protocol class of a server with these limits; without hits, one without fast path."""
    return (
        type("Protocol", (FastPathProtocol,), {"limits": limits, "hits": hits})
        if hits
        else limited_connection_class(limits)
    )
