"""Export of spans to a real collector: only what is permitted, bounded, and never waited for."""

import time
from collections.abc import Iterator

import pytest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags, TraceState
from structlog.testing import capture_logs
from support.otlp_collector import Collector, attributes_of
from support.stopwatch import Stopwatch

from gateway.telemetry.tracing_counts import SpanCounts
from gateway.telemetry.tracing_export import (
    CLOSE_TIMEOUT_SECONDS,
    MAX_BATCH_SPANS,
    MAX_WAITING_SPANS,
    PermittedSpans,
    SpanExport,
)
from gateway.telemetry.tracing_spans import SpanRecord
from gateway.trace_context import TraceContext

CANARY = "Zzyzx"
TRACE, SPAN, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "b7ad6b7169203331", "00f067aa0ba902b7"
ATTRIBUTES = {"http.request.method": "GET", "url.template": "{base}/Patient/{id}"}
RECORD = SpanRecord(
    TraceContext(TRACE, SPAN, True, CANARY),
    PARENT,
    "server",
    1_000,
    2_000,
    {**ATTRIBUTES, "url.full": CANARY, "fhir.resource_type": CANARY},
    has_failed=True,
    is_parent_remote=True,
)
RESOURCE = {"service.name": "halo-gateway", "service.version": "1", "service.instance.id": "i-1"}


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as running:
        yield running


@pytest.fixture
def counts() -> SpanCounts:
    return SpanCounts()


def outcomes(counts: SpanCounts) -> tuple[int, int, int]:
    return counts.exported, counts.failed, counts.dropped


def test_collector_gets_what_is_permitted_and_nothing_else(
    collector: Collector, counts: SpanCounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", f"host.user={CANARY}")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20synthetic")
    export = SpanExport(f"{collector.url}/v1/traces", {**RESOURCE, "host.name": CANARY}, counts)
    export.add(RECORD)
    export.close()
    (span,) = collector.spans
    assert (span.name, attributes_of(span)) == ("GET {base}/Patient/{id}", ATTRIBUTES)
    assert (span.trace_id.hex(), span.span_id.hex(), span.parent_span_id.hex()) == (TRACE, SPAN, PARENT)
    assert (span.start_time_unix_nano, span.end_time_unix_nano) == (1_000, 2_000)
    assert (span.kind, span.status.code) == (span.SPAN_KIND_SERVER, span.status.STATUS_CODE_ERROR)
    assert collector.resources == [RESOURCE]
    assert CANARY.encode() not in b"".join(collector.bodies)
    assert collector.headers[0]["authorization"] == "Bearer synthetic"
    assert collector.paths == ["/v1/traces"]
    assert outcomes(counts) == (1, 0, 0)


class KeptSpans(SpanExporter):
    """Keeps what it should send."""

    def __init__(self) -> None:
        self.spans: list[ReadableSpan] = []

    def export(self, spans: object) -> SpanExportResult:
        self.spans += spans  # type: ignore[operator]
        return SpanExportResult.SUCCESS


def test_everything_that_is_not_permitted_is_left_out(counts: SpanCounts) -> None:
    kept, state = KeptSpans(), TraceState([("vendor", CANARY)])
    context = SpanContext(int(TRACE, 16), int(SPAN, 16), False, TraceFlags(1), state)
    parent = SpanContext(int(TRACE, 16), int(PARENT, 16), True, TraceFlags(1), state)
    span = ReadableSpan(
        CANARY,
        context,
        parent,
        Resource({**RESOURCE, "process.command_line": CANARY}),
        {**ATTRIBUTES, CANARY: 1, "error.type": f"no {CANARY}"},
        [Event(CANARY, {CANARY: CANARY})],
        [Link(parent, {CANARY: CANARY})],
        SpanKind.SERVER,
        status=Status(StatusCode.ERROR, CANARY),
        start_time=1,
        end_time=2,
    )
    PermittedSpans(kept, counts).export([span])
    (sent,) = kept.spans
    assert CANARY in span.to_json()
    assert CANARY not in sent.to_json()
    assert not sent.context.trace_state
    assert sent.parent is not None
    assert not sent.parent.trace_state
    assert (dict(sent.attributes or {}), sent.status.status_code) == (ATTRIBUTES, StatusCode.ERROR)


def test_failing_endpoint_is_logged_once_until_it_recovers(counts: SpanCounts) -> None:
    kept, results = KeptSpans(), [SpanExportResult.SUCCESS, *[SpanExportResult.FAILURE] * 3]

    class Failing(KeptSpans):
        def export(self, _: object) -> SpanExportResult:
            return results.pop() if results else SpanExportResult.SUCCESS

    exporter = PermittedSpans(Failing(), counts)
    with capture_logs() as lines:
        for _ in range(6):
            exporter.export([])
    assert [line["event"] for line in lines] == ["traces-not-exported", "traces-exported"]
    assert not kept.spans


def test_export_that_ends_after_the_process_counts_and_logs_nothing(counts: SpanCounts) -> None:
    class Late(KeptSpans):
        def export(self, _: object) -> SpanExportResult:
            assert counts.note_end() == 1
            return SpanExportResult.FAILURE

    counts.note_taken(MAX_WAITING_SPANS)
    with capture_logs() as lines:
        PermittedSpans(Late(), counts).export([ReadableSpan("GET", attributes={})])
    assert (outcomes(counts), lines) == ((0, 0, 1), [])


def test_endpoint_that_refuses_costs_spans_only(collector: Collector, counts: SpanCounts) -> None:
    collector.status = 400
    export = SpanExport(f"{collector.url}/v1/traces", RESOURCE, counts)
    with capture_logs() as lines:
        export.add(RECORD)
        export.close()
    assert outcomes(counts) == (0, 1, 0)
    assert [line["event"] for line in lines] == ["traces-not-exported"]


def test_slow_endpoint_delays_neither_spans_nor_the_end(counts: SpanCounts) -> None:
    with Collector(delay=20) as collector, capture_logs() as lines:
        export = SpanExport(f"{collector.url}/v1/traces", RESOURCE, counts)
        start = time.monotonic()
        for _ in range(2 * MAX_WAITING_SPANS):
            export.add(RECORD)
        assert time.monotonic() - start < 10
        assert counts.waiting <= MAX_WAITING_SPANS
        assert counts.dropped + counts.waiting + counts.sending == 2 * MAX_WAITING_SPANS
        assert counts.dropped >= MAX_WAITING_SPANS - MAX_BATCH_SPANS
        with Stopwatch() as wait:
            export.close()
        assert wait.seconds < CLOSE_TIMEOUT_SECONDS + 1
        assert sum(outcomes(counts)) == 2 * MAX_WAITING_SPANS
        assert lines[-1]["event"] == "traces-lost"
        assert MAX_WAITING_SPANS <= lines[-1]["spans"] <= MAX_WAITING_SPANS + MAX_BATCH_SPANS


def test_every_span_is_counted_once(counts: SpanCounts) -> None:
    with Collector(delay=0.2) as collector:
        export = SpanExport(f"{collector.url}/v1/traces", RESOURCE, counts)
        for _ in range(2 * MAX_WAITING_SPANS):
            export.add(RECORD)
        collector.wait_for(lambda: counts.exported > 0)
        export.close()
        assert sum(outcomes(counts)) == 2 * MAX_WAITING_SPANS
        assert counts.exported == len(collector.spans)
