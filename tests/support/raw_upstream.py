"""Upstream that answers every request with the same bytes, whatever they are."""

import socketserver

from support.server_thread import ServerThread


class RawUpstream(ServerThread):
    """A server whose `answer` a test sets; it closes each connection after one response."""

    def __init__(self) -> None:
        self.answer = b""
        self.request_lines: list[str] = []
        upstream = self

        class OneResponse(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                line, length = self.rfile.readline().decode("latin-1").strip(), 0
                while field := self.rfile.readline().decode("latin-1").strip().lower():
                    length = int(field[15:]) if field.startswith("content-length:") else length
                self.rfile.read(length)
                upstream.request_lines.append(line)
                self.wfile.write(upstream.answer)

        server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), OneResponse)
        server.daemon_threads = True
        super().__init__(server)

    def respond(self, body: str = "{}", fields: bytes = b"", status: str = "200 OK") -> None:
        """Answer with a body and additional header lines, each with its CRLF."""
        content = body.encode()
        head = f"HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {len(content)}\r\n".encode()
        self.answer = head + b"Content-Type: application/fhir+json\r\n" + fields + b"\r\n" + content
