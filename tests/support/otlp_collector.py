"""A collector of OpenTelemetry spans: a small HTTP server that keeps what it gets, raw and decoded."""

import gzip
import http.server
import time
from collections.abc import Callable
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from support.server_thread import ServerThread


def plain_value(value: Any) -> Any:
    """Value of an attribute without its envelope."""
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return tuple(plain_value(item) for item in value.array_value.values)
    return getattr(value, kind)


def attributes_of(message: Any) -> dict[str, Any]:
    """Attributes of a span or a resource."""
    return {item.key: plain_value(item.value) for item in message.attributes}


class Collector(ServerThread):
    """Answers every export with `status`; `bodies` are unpacked bytes, `headers` those of each request."""

    def __init__(self, delay: float = 0.0) -> None:
        self.status, self.delay = 200, delay
        self.bodies: list[bytes] = []
        self.headers: list[dict[str, str]] = []
        self.paths: list[str] = []
        collector = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                time.sleep(collector.delay)
                body = self.rfile.read(int(self.headers["content-length"]))
                is_packed = self.headers["content-encoding"] == "gzip"
                collector.headers.append({name.lower(): value for name, value in self.headers.items()})
                collector.paths.append(self.path)
                if collector.status == 200:
                    collector.bodies.append(gzip.decompress(body) if is_packed else body)
                self.send_response(collector.status)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Write nothing."""

        super().__init__(http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler))

    @property
    def exports(self) -> list[ExportTraceServiceRequest]:
        """What was accepted, decoded."""
        return [ExportTraceServiceRequest.FromString(body) for body in self.bodies]

    @property
    def spans(self) -> list[Span]:
        """All spans that were accepted."""
        return [
            span
            for export in self.exports
            for resource in export.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    @property
    def resources(self) -> list[dict[str, Any]]:
        """Attributes of the process in each export."""
        return [attributes_of(each.resource) for export in self.exports for each in export.resource_spans]

    def wait_for(self, is_done: Callable[[], bool], seconds: float = 15.0) -> None:
        """Wait until something has arrived. Raises AssertionError if it has not in time."""
        end = time.monotonic() + seconds
        while not is_done():
            assert time.monotonic() < end, f"{len(self.spans)} spans arrived"
            time.sleep(0.02)
