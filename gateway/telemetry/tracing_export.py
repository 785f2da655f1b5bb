"""Export of spans by OTLP over HTTP, in a thread of its own: bounded, and never waited for."""

import logging
import threading
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import structlog
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

from gateway.telemetry.tracing_attributes import RESOURCE_ATTRIBUTES, permitted_attributes, span_name
from gateway.telemetry.tracing_counts import SpanCounts
from gateway.telemetry.tracing_spans import SpanRecord
from gateway.telemetry.tracing_transport import collector_session

_log = structlog.get_logger()
#: Spans that wait, spans of one export, and seconds until an export begins.
MAX_WAITING_SPANS, MAX_BATCH_SPANS, EXPORT_DELAY_SECONDS = 2_048, 512, 2.0
#: Seconds that one export may take with its repetitions, and that the last ones may take at the end.
EXPORT_TIMEOUT_SECONDS, CLOSE_TIMEOUT_SECONDS = 5.0, 2.0
_SCOPE: Final = InstrumentationScope("gateway")
_KINDS: Final = {"server": SpanKind.SERVER, "internal": SpanKind.INTERNAL, "client": SpanKind.CLIENT}


class SpanExport:
    """Takes spans, and sends them to an endpoint; if too many wait, the oldest are dropped.

    Errors of the endpoint are logged once, until it accepts spans again.
    """

    def __init__(self, url: str, resource: Mapping[str, str], counts: SpanCounts) -> None:
        logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)  # one event says it, see _note
        exporter = OTLPSpanExporter(
            url,
            timeout=EXPORT_TIMEOUT_SECONDS,
            compression=Compression.Gzip,
            session=collector_session(),
        )
        self._resource = Resource(dict(resource))
        self._counts = counts
        self._processor = BatchSpanProcessor(
            PermittedSpans(exporter, counts),
            MAX_WAITING_SPANS,
            EXPORT_DELAY_SECONDS * 1000,
            MAX_BATCH_SPANS,
            EXPORT_TIMEOUT_SECONDS * 1000,
        )

    def add(self, span: SpanRecord) -> None:
        """Take a span; never waits."""
        self._counts.note_taken(MAX_WAITING_SPANS)
        self._processor.on_end(_readable_span(span, self._resource))

    def close(self) -> None:
        """Send what waits, in two seconds at most; what is left then is lost, and logged."""
        end = threading.Thread(target=self._processor.shutdown, daemon=True)
        end.start()
        end.join(CLOSE_TIMEOUT_SECONDS)
        if lost := self._counts.note_end():
            _log.warning("traces-lost", spans=lost)


class PermittedSpans(SpanExporter):
    """Exporter that sends copies of spans with what `tracing_attributes` permits, and nothing else.

    Events, links, texts of a status and tracestate are left out, and attributes that are not permitted.
    """

    def __init__(self, exporter: SpanExporter, counts: SpanCounts) -> None:
        self._exporter = exporter
        self._counts = counts
        self._is_failing = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send spans; count and log the outcome."""
        self._counts.note_sending(len(spans))
        result = self._exporter.export([_permitted_span(span) for span in spans])
        has_failed = result is not SpanExportResult.SUCCESS
        if self._counts.note_export(len(spans), has_failed=has_failed):
            self._log_change(has_failed=has_failed)
        return result

    def shutdown(self) -> None:
        """Close the connections."""
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Do nothing: nothing waits here."""
        del timeout_millis
        return True

    def _log_change(self, *, has_failed: bool) -> None:
        if has_failed and not self._is_failing:
            _log.warning("traces-not-exported")
        elif self._is_failing and not has_failed:
            _log.info("traces-exported")
        self._is_failing = has_failed


def _readable_span(span: SpanRecord, resource: Resource) -> ReadableSpan:
    context = _span_context(span.context.trace_id, span.context.span_id)
    parent = _span_context(span.context.trace_id, span.parent_id, is_remote=span.is_parent_remote)
    return ReadableSpan(
        span_name(span.attributes),
        context,
        parent if span.parent_id else None,
        resource,
        span.attributes,
        kind=_KINDS[span.kind],
        status=Status(StatusCode.ERROR if span.has_failed else StatusCode.UNSET),
        start_time=span.start,
        end_time=span.end,
        instrumentation_scope=_SCOPE,
    )


def _span_context(trace_id: str, span_id: str, *, is_remote: bool = False) -> SpanContext:
    return SpanContext(int(trace_id, 16), int(span_id or "0", 16), is_remote, TraceFlags(TraceFlags.SAMPLED))


def _permitted_span(span: ReadableSpan) -> ReadableSpan:
    """Return a copy of a span with what may leave the gateway."""
    attributes = permitted_attributes(span.attributes)
    return ReadableSpan(
        span_name(attributes),
        _plain_context(span.context),
        _plain_context(span.parent),
        Resource(_permitted_resource(span.resource.attributes.items())),
        attributes,
        kind=span.kind,
        status=Status(span.status.status_code),
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=_SCOPE,
    )


def _plain_context(context: SpanContext | None) -> SpanContext | None:
    """Return a context without its tracestate."""
    if context is None:
        return None
    return SpanContext(context.trace_id, context.span_id, context.is_remote, context.trace_flags)


def _permitted_resource(attributes: Iterable[tuple[str, object]]) -> dict[str, str]:
    return {name: str(value) for name, value in attributes if name in RESOURCE_ATTRIBUTES}
