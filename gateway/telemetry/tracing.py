"""Traces of one process, off unless `traces.endpoint` is set: then nothing of OpenTelemetry is imported."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Protocol
from uuid import uuid4

from gateway.exchange import FhirRequest, Handler
from gateway.ledger.cost import Attribution
from gateway.settings import Traces
from gateway.telemetry.access_log import Answer
from gateway.telemetry.tracing_counts import SpanCounts
from gateway.telemetry.tracing_spans import (
    RequestSpans,
    Sampling,
    SpanRecord,
    SpanSink,
    UpstreamSpans,
    unread_span,
)

#: Header fields of an ASGI scope.
RawFields = Iterable[tuple[bytes, bytes]]
AttributionOf = Callable[[FhirRequest], Attribution]


class Tracing:
    """Wraps handlers so that they record spans. This class records none: traces are off."""

    def with_request_spans(self, handler: Handler) -> Handler:
        """Wrap the outermost handler of a chain, which responds to failures."""
        return handler

    def with_upstream_spans(self, client: Handler, upstream: str) -> Handler:
        """Wrap the client of an upstream, by the name of its dialect."""
        del upstream
        return client

    def trace_answer(self, fields: RawFields, method: str, answer: Answer) -> str:
        """Record the span of a failed request that no handler saw; return the id of its trace, if any."""
        del fields, method, answer
        return ""

    @asynccontextmanager
    async def export(self) -> AsyncIterator[None]:
        """Export spans until the context ends."""
        yield


class _NoSink:
    """Sink before the export begins and after it has ended."""

    def add(self, span: SpanRecord) -> None:
        """Drop a span."""


class ExportedTracing(Tracing):
    """Records spans, and exports them."""

    def __init__(self, options: Traces, counts: SpanCounts, attribution_of: AttributionOf) -> None:
        self._url = options.url
        self._counts = counts
        self._attribution_of = attribution_of
        self._sampling = Sampling(options.sample_ratio, options.propagate)
        self._sink: SpanSink = _NoSink()

    def add(self, span: SpanRecord) -> None:
        """Take a span for the export."""
        self._sink.add(span)

    def with_request_spans(self, handler: Handler) -> Handler:
        """Wrap the outermost handler of a chain, which responds to failures."""
        return RequestSpans(handler, self, self._sampling, self._attribution_of)

    def with_upstream_spans(self, client: Handler, upstream: str) -> Handler:
        """Wrap the client of an upstream, by the name of its dialect."""
        return UpstreamSpans(client, self, self._sampling, upstream)

    def trace_answer(self, fields: RawFields, method: str, answer: Answer) -> str:
        """Record the span of a failed request that no handler saw; return the id of its trace, if any.

        What succeeds without a handler has no span: it is no work.
        """
        headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in fields)
        trace_id, span = unread_span(self._sampling, headers, method, answer)
        if span:
            self.add(span)
        return trace_id

    @asynccontextmanager
    async def export(self) -> AsyncIterator[None]:
        """Export spans until the context ends; then what waits, for two seconds at most."""
        from gateway.telemetry.tracing_export import SpanExport

        exporter = SpanExport(self._url, _resource(), self._counts)
        self._sink = exporter
        try:
            yield
        finally:
            self._sink = _NoSink()
            await asyncio.to_thread(exporter.close)


class MetricsRegistry(Protocol):
    """Where the counts of spans are registered; see `telemetry/metrics.py`."""

    def register(self, collector: SpanCounts) -> None:
        """Include metrics of a collector."""
        ...


def tracing_of(options: Traces, metrics: MetricsRegistry, attribution_of: AttributionOf) -> Tracing:
    """Return the traces of one process."""
    if options.endpoint is None:
        return Tracing()
    counts = SpanCounts()
    metrics.register(counts)
    return ExportedTracing(options, counts, attribution_of)


def _resource() -> dict[str, str]:
    """Attributes of this process: no host, user or command line."""
    release = version("halo-gateway")
    return {
        "service.name": "halo-gateway",
        "service.version": release,
        "service.instance.id": str(uuid4()),
    }
