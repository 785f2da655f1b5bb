"""Requests to collectors that answer endlessly, slowly, or with another address."""

import socketserver
import time
from pathlib import Path

import pytest
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace.export import SpanExportResult
from support.otlp_collector import Collector
from support.outbound import Server as TlsServer
from support.outbound import authority, run_server
from support.server_thread import ServerThread
from support.stopwatch import Stopwatch

from gateway.telemetry.tracing_transport import collector_session

HEAD = b"HTTP/1.1 200 OK\r\n"
SECONDS = 0.5


class Answer(ServerThread):
    """Sends pieces with a pause between them, until the client closes; `sent` counts bytes."""

    def __init__(self, head: bytes, piece: bytes, pause: float) -> None:
        self.sent = self.requests = 0
        answer = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                answer.requests += 1
                self.request.recv(65_536)
                self.request.sendall(head)
                try:
                    while not piece and self.request.recv(65_536):
                        pass
                    while piece:
                        self.request.sendall(piece)
                        answer.sent += len(piece)
                        time.sleep(pause)
                except OSError:
                    return

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True

        super().__init__(Server(("127.0.0.1", 0), Handler))


def export(url: str, seconds: float = SECONDS) -> SpanExportResult:
    exporter = OTLPSpanExporter(f"{url}/v1/traces", timeout=seconds, session=collector_session())
    try:
        return exporter.export([])
    finally:
        exporter.shutdown()


def test_endless_body_is_not_read() -> None:
    head = HEAD + b"content-length: 100000000000\r\n\r\n"
    with Answer(head, b"x" * 65_536, 0) as answer:
        assert export(answer.url) is SpanExportResult.SUCCESS
        assert answer.sent < 10_000_000


@pytest.mark.parametrize(
    ("head", "piece"),
    [(b"HTTP/1.1 2", b"0"), (HEAD, b"a: b\r\n"), (b"", b"HTTP/1.1 100 Continue\r\n\r\n")],
    ids=["status", "fields", "interim responses"],
)
def test_answer_in_drops_ends_in_time(head: bytes, piece: bytes) -> None:
    with Answer(head, piece, SECONDS / 5) as answer:
        with Stopwatch() as wait:
            assert export(answer.url) is SpanExportResult.FAILURE
        assert wait.seconds < 2 * SECONDS


def test_endless_fields_are_refused_early() -> None:
    with Answer(HEAD, b"a: " + b"x" * 4_000 + b"\r\n", 0) as answer:
        assert export(answer.url) is SpanExportResult.FAILURE
        assert answer.sent < 10_000_000


def test_redirect_is_a_failure_and_not_followed() -> None:
    with Collector() as other:
        head = f"HTTP/1.1 307 Moved\r\nlocation: {other.url}/\r\ncontent-length: 0\r\n\r\n"
        with Answer(head.encode(), b"", SECONDS) as answer:
            assert export(answer.url) is SpanExportResult.FAILURE
            assert answer.requests == 1
        assert not other.bodies


def test_refusal_for_a_moment_is_repeated() -> None:
    head = b"HTTP/1.1 503 Busy\r\nretry-after: 0\r\ncontent-length: 0\r\n\r\n"
    with Answer(head, b"", SECONDS) as answer:
        assert export(answer.url) is SpanExportResult.FAILURE
        assert answer.requests > 1


def test_one_session_sends_again_and_again() -> None:
    with Collector() as collector:
        exporter = OTLPSpanExporter(f"{collector.url}/v1/traces", session=collector_session())
        assert {exporter.export([]) for _ in range(3)} == {SpanExportResult.SUCCESS}
        assert collector.paths == ["/v1/traces"] * 3
        exporter.shutdown()


def test_collector_without_a_server_is_a_failure() -> None:
    with Collector() as gone:
        url = gone.url
    assert export(url) is SpanExportResult.FAILURE


@pytest.mark.parametrize("is_trusted", [True, False])
def test_private_authority_is_trusted_if_it_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_trusted: bool
) -> None:
    files = authority(tmp_path)
    if is_trusted:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_CERTIFICATE", str(files.ca_file))
    with run_server(TlsServer(), files.server()) as port:
        result = export(f"https://localhost:{port}", 5)
    assert (result is SpanExportResult.SUCCESS) is is_trusted
