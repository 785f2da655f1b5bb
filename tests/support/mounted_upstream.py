"""Upstream of a mount: a server whose answers a test sets, and which records the requests."""

import json
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

from support.server_thread import ServerThread

EMPTY_PAGE = {"resourceType": "Bundle", "type": "searchset", "total": 0}
UNAVAILABLE = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "transient"}]}


class Sent(NamedTuple):
    """A request that reached the upstream; names of headers in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class Answer(NamedTuple):
    """Response of the upstream; without a status it closes the connection.

    Without a body it is the resource that the path names.
    """

    status: int = 200
    body: Any = None
    headers: dict[str, str] = {}  # noqa: RUF012 - never changed
    media_type: str = "application/fhir+json"


DROPPED = Answer(0)


def _named_resource(path: str) -> dict[str, str]:
    type_, id_ = ["Patient", *path.strip("/").split("/")][-2:]
    return {"resourceType": type_, "id": id_} if type_[:1].isupper() else {"resourceType": id_, "id": "new"}


class _Handler(BaseHTTPRequestHandler):
    """Answers every method by the function of its server."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body in one packet: two would wait for the client's delayed acknowledgement
    server: "_Server"

    def _respond(self) -> None:
        received = self.rfile.read(int(self.headers.get("content-length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        answer = self.server.upstream.take(Sent(self.command, self.path, headers, received))
        if not answer.status:
            self.close_connection = True
            return
        body = _named_resource(self.path) if answer.body is None else answer.body
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(answer.status)
        for name, value in {"Content-Type": answer.media_type, **answer.headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PUT = do_DELETE = _respond  # noqa: N815 - names of the standard library

    def log_message(self, *_: Any) -> None:
        """Log nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    upstream: "FakeUpstream"


class FakeUpstream(ServerThread):
    """A server that answers by `answer`, which a test sets."""

    def __init__(self) -> None:
        self.sent: list[Sent] = []
        self.answer: Callable[[Sent], Answer] = lambda _: Answer()
        server = _Server(("127.0.0.1", 0), _Handler)
        server.upstream = self
        super().__init__(server)

    def take(self, sent: Sent) -> Answer:
        """Record a request and return its answer."""
        self.sent.append(sent)
        return self.answer(sent)

    def answer_in_turn(self, *answers: Answer) -> None:
        """Give these answers in turn, and repeat the last."""
        remaining = list(answers)
        self.answer = lambda _: remaining.pop(0) if len(remaining) > 1 else remaining[0]
