"""A connection that answers hits once a request's head is there: no task, no scope, no routing."""

from functools import lru_cache
from time import perf_counter
from typing import ClassVar

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from gateway.cache.prepared import RawHeader, render_headers
from gateway.server.connection import LimitedConnection, limited_connection_class
from gateway.settings import Server
from gateway.web.fast_path import FastPathCache

#: Bytes from which a body is not copied behind its head.
_SEPARATE_WRITE_BYTES = 65_536


class FastPathProtocol(LimitedConnection):
    """Writes a hit itself where nothing else is under way on the connection; all else takes the long way.

    `protocol` makes the class for a server.
    """

    hits: ClassVar[FastPathCache]
    _is_hit = False

    def on_headers_complete(self) -> None:
        """The head of a request is read."""
        self._is_hit = self._may_answer_now and self._write_hit()
        if not self._is_hit:
            super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The request is read."""
        if self._is_hit:
            self._is_hit = False
            self.on_request_read()
            self.on_response_complete()
        else:
            super().on_message_complete()

    @property
    def _may_answer_now(self) -> bool:
        """Whether a plain GET may be answered now: none before it is unanswered, and the client reads."""
        return (
            self.parser.get_method() == b"GET"
            and (self.cycle is None or self.cycle.response_complete)
            and not self.flow.write_paused
            and self.parser.get_http_version() == "1.1"
            and self.parser.should_keep_alive()
        )

    def _write_hit(self) -> bool:
        started = perf_counter()
        asked = self.hits.parse_request(self.url, self.headers, self.client[0] if self.client else "")
        hit = asked and self.hits.find_response(asked)
        if asked is None or hit is None:
            return False
        moment, form = self.hits.record_hit(asked, hit, started), hit.encoding_for(asked)
        head = (_response_start(tuple(self.server_state.default_headers)), form.head, moment.head)
        if len(form.body) < _SEPARATE_WRITE_BYTES:
            self.transport.write(b"".join((*head, form.body)))
        else:
            self.transport.writelines((b"".join(head), form.body))
        return True


@lru_cache(maxsize=1)
def _response_start(default_headers: tuple[RawHeader, ...]) -> bytes:
    """The status line, and what uvicorn gives every answer: the second it is given in."""
    return STATUS_LINE[200] + render_headers(default_headers)


def protocol_class(limits: Server, hits: FastPathCache | None) -> type[LimitedConnection]:
    """The protocol of a server with these limits, which answers from these hits."""
    return (
        type("Protocol", (FastPathProtocol,), {"limits": limits, "hits": hits})
        if hits
        else limited_connection_class(limits)
    )
