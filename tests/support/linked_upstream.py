"""Upstream of a mount that answers each path with what a test sets, and records the requests."""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

from support.server_thread import ServerThread


class Sent(NamedTuple):
    """A request that reached the upstream: method, path with query, and body."""

    method: str
    target: str
    body: bytes


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "_Server"

    def _respond(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        upstream = self.server.upstream
        upstream.sent.append(Sent(self.command, self.path, body))
        status, headers, content = upstream.answers.get(self.path, (404, {}, b""))
        self.send_response(status)
        for name, value in {"content-type": "application/fhir+json", **headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _respond  # noqa: N815 - names of the standard library

    def log_message(self, *_: Any) -> None:
        """Log nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    upstream: "LinkedUpstream"


class LinkedUpstream(ServerThread):
    """A server with answers by path and query; 404 for others."""

    def __init__(self) -> None:
        self.sent: list[Sent] = []
        self.answers: dict[str, tuple[int, dict[str, str], bytes]] = {}
        server = _Server(("127.0.0.1", 0), _Handler)
        server.upstream = self
        super().__init__(server)

    def answer(self, target: str, body: Any, status: int = 200, **headers: str) -> None:
        """Answer a path and query with a body: bytes, or JSON."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        self.answers[target] = status, fields, content

    def reset(self) -> None:
        """Forget answers and requests."""
        self.sent.clear()
        self.answers.clear()
