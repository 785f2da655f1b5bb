"""Upstream that keeps the bytes of each request, and answers with what a test sets."""

import socketserver
from typing import NamedTuple

from support.server_thread import ServerThread


class SentRequest(NamedTuple):
    """A request as it arrived: first line, header fields with names in lower case, and body."""

    line: str
    headers: dict[str, str]
    body: bytes

    @property
    def target(self) -> str:
        """Path and query."""
        return self.line.split(" ")[1]


class EchoUpstream(ServerThread):
    """A server that answers with `status`, `headers` and `content`, and closes each connection then."""

    def __init__(self) -> None:
        self.requests: list[SentRequest] = []
        self.reset()
        upstream = self

        class OneResponse(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                line, headers = self.rfile.readline().decode("latin-1").strip(), dict[str, str]()
                while field := self.rfile.readline().decode("latin-1").strip():
                    name, _, value = field.partition(":")
                    headers[name.lower()] = value.strip()
                body = self.rfile.read(int(headers.get("content-length", "0")))
                upstream.requests.append(SentRequest(line, headers, body))
                self.wfile.write(upstream.answer())

        server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), OneResponse)
        server.daemon_threads = True
        super().__init__(server)

    def reset(self) -> None:
        """Forget the requests, and answer with an empty JSON array."""
        self.requests.clear()
        self.respond(b"[]", {"content-type": "application/json"})

    def respond(self, content: bytes, headers: dict[str, str], status: str = "200 OK") -> None:
        """Answer with these from now on."""
        self.status, self.headers, self.content = status, headers, content

    def answer(self) -> bytes:
        """Bytes of a response."""
        fields = {**self.headers, "connection": "close", "content-length": str(len(self.content))}
        lines = [f"HTTP/1.1 {self.status}", *(f"{name}: {value}" for name, value in fields.items())]
        return "\r\n".join((*lines, "", "")).encode("latin-1") + self.content
