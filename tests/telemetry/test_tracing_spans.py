"""Handlers that record spans: what a span says of a request, and what of a client's context counts."""

import asyncio
from dataclasses import dataclass, field

import pytest
from support.requests import GUID, SITE, fhir_request, json_response, sql_request

from gateway.errors import catalog
from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest, FhirResponse, Handler, UpstreamUse
from gateway.ledger.cost import Attribution
from gateway.request_effects import RequestEffects
from gateway.telemetry.access_log import Answer
from gateway.telemetry.tracing_attributes import permitted_attributes
from gateway.telemetry.tracing_spans import (
    CANCELLED,
    RequestSpans,
    Sampling,
    SpanRecord,
    UpstreamSpans,
    unread_span,
)
from gateway.trace_context import RequestTrace, TraceContext, read_context

pytestmark = pytest.mark.anyio
TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SAMPLED = ("traceparent", f"00-{TRACE}-{PARENT}-01")
UNSAMPLED = ("traceparent", f"00-{TRACE}-{PARENT}-00")
ALL, NONE = Sampling(1.0), Sampling(0.0)


@dataclass
class Spans:
    """Keeps spans, and the requests that reach the innermost handler."""

    records: list[SpanRecord] = field(default_factory=list)
    requests: list[FhirRequest] = field(default_factory=list)

    def add(self, span: SpanRecord) -> None:
        self.records.append(span)

    def responding(self, response: FhirResponse | BaseException) -> Handler:
        async def respond(request: FhirRequest) -> FhirResponse:
            self.requests.append(request)
            if isinstance(response, BaseException):
                raise response
            return response

        return respond


def attribution_of(request: FhirRequest) -> Attribution:
    return Attribution(GUID, "harbour", SITE.zone, "c0ffee00", "Patient", "read")


def request_spans(spans: Spans, handler: Handler, sampling: Sampling = ALL) -> RequestSpans:
    return RequestSpans(handler, spans, sampling, attribution_of)


async def test_span_says_what_became_of_a_request() -> None:
    spans = Spans()
    response = json_response({"resourceType": "Patient"}, cache_status="halo-gateway; hit; ttl=9").replace(
        applied_repairs=("link-base-url",), upstream_use=UpstreamUse(3, 1.0)
    )
    response = response.with_header("gateway-attempts", "3")
    request = fhir_request("Patient/1", app="board")
    traced = await request_spans(spans, spans.responding(response))(request)
    (span,) = spans.records
    assert traced == response.replace(trace_id=span.context.trace_id)
    assert span.attributes == {
        "http.request.method": "GET",
        "http.response.status_code": 200,
        "http.response.body.size": len(response.body),
        "http.request.resend_count": 2,
        "url.template": "{base}/Patient/{id}",
        "fhir.interaction": "read",
        "fhir.resource_type": "Patient",
        "halo_gateway.site": "harbour",
        "halo_gateway.app": "board",
        "halo_gateway.cache": "hit",
        "halo_gateway.upstream_requests": 3,
        "halo_gateway.repairs": ("link-base-url",),
    }
    assert permitted_attributes(span.attributes) == span.attributes
    assert (span.kind, span.parent_id, span.has_failed) == ("server", "", False)
    assert 0 <= span.end - span.start < 10**9
    (inner,) = spans.requests
    assert inner.trace == RequestTrace(span.context)


@pytest.mark.parametrize(
    ("headers", "is_recorded", "trace_id"),
    [
        ((SAMPLED,), True, TRACE),
        ((UNSAMPLED,), False, TRACE),
        ((), True, None),
        ((("traceparent", "Zzyzx"),), True, None),
        ((SAMPLED, SAMPLED), True, None),
        ((("traceparent", f"00-{'0' * 32}-{PARENT}-01"),), True, None),
    ],
)
async def test_valid_traceparent_is_the_parent(
    headers: tuple[tuple[str, str], ...], is_recorded: bool, trace_id: str | None
) -> None:
    spans = Spans()
    response = await request_spans(spans, spans.responding(json_response({})))(
        fhir_request("Patient/1", headers=headers)
    )
    assert len(spans.records) == is_recorded
    (inner,) = spans.requests
    assert inner.trace is not None
    assert inner.trace.context.is_sampled is is_recorded
    if trace_id:
        assert response.trace_id == inner.trace.context.trace_id == TRACE
        assert [span.parent_id for span in spans.records] == [PARENT] * is_recorded
    else:
        assert spans.records[0].parent_id == ""
        assert inner.trace.context.trace_id not in {"", TRACE}


async def test_client_cannot_force_a_record() -> None:
    draws = iter([0.3, 0.1, 0.3, 0.1])
    sampling, spans = Sampling(0.2, draw=lambda: next(draws)), Spans()
    handler = request_spans(spans, spans.responding(json_response({})), sampling)
    for headers in ((SAMPLED,), (SAMPLED,), (), ()):
        await handler(fhir_request("Patient/1", headers=headers))
    assert [span.parent_id for span in spans.records] == [PARENT, ""]
    in_trace = [bool(request.trace and request.trace.context.trace_id) for request in spans.requests]
    assert in_trace == [True, True, False, True]


async def test_span_has_the_code_of_a_failure() -> None:
    spans = Spans()
    await request_spans(spans, spans.responding(FhirResponse(503, failure_code="overloaded")))(
        fhir_request("Patient/1")
    )
    (span,) = spans.records
    assert (span.attributes["error.type"], span.has_failed) == ("overloaded", True)


async def test_cancelled_request_has_a_span() -> None:
    spans = Spans()
    with pytest.raises(asyncio.CancelledError):
        await request_spans(spans, spans.responding(asyncio.CancelledError()))(fhir_request("Patient/1"))
    (span,) = spans.records
    assert (span.attributes["error.type"], span.has_failed) == (CANCELLED, True)
    assert "http.response.status_code" not in span.attributes


@pytest.mark.parametrize(("sampling", "count"), [(ALL, 3), (NONE, 0)])
async def test_entry_has_a_span_below_its_batch(sampling: Sampling, count: int) -> None:
    spans = Spans()
    draws = 0

    def draw() -> float:
        nonlocal draws
        draws += 1
        return 0.5

    counted = Sampling(sampling.ratio, draw=draw)
    entries = request_spans(spans, spans.responding(json_response({})), counted)

    async def send_entries(request: FhirRequest) -> FhirResponse:
        for _ in range(2):
            await entries(request.replace(path="Patient/1"))
        return json_response({})

    await request_spans(spans, send_entries, counted)(fhir_request("", method="POST", headers=(SAMPLED,)))
    assert (len(spans.records), draws) == (count, 1)
    if count:
        *first, batch = spans.records
        assert {span.parent_id for span in first} == {batch.context.span_id}
        assert [span.kind for span in spans.records] == ["internal", "internal", "server"]


async def test_upstream_request_has_a_span_below_its_request() -> None:
    spans = Spans()
    client = UpstreamSpans(spans.responding(json_response({}, 200)), spans, ALL, "halo-connect")
    await request_spans(spans, client)(fhir_request("Patient/1", headers=(SAMPLED,)))
    sent, served = spans.records
    assert (sent.kind, sent.parent_id) == ("client", served.context.span_id)
    assert sent.context.trace_id == served.context.trace_id == TRACE
    assert sent.attributes["halo_gateway.upstream"] == "halo-connect"
    assert sent.attributes["http.response.status_code"] == 200
    assert permitted_attributes(sent.attributes) == sent.attributes


async def test_failed_upstream_request_has_its_code_and_status() -> None:
    spans = Spans()
    failure = Failure(catalog.UPSTREAM_RESET, upstream_response=json_response({"Zzyzx": 1}, 404))
    client = UpstreamSpans(spans.responding(failure), spans, ALL, "halo-connect")
    trace = RequestTrace(TraceContext(TRACE, PARENT, True))
    with pytest.raises(Failure):
        await client(sql_request(trace=trace))
    (span,) = spans.records
    assert span.attributes["error.type"] == "upstream-reset"
    assert (span.attributes["http.response.status_code"], span.has_failed) == (404, True)


@pytest.mark.parametrize("trace", [None, RequestTrace(TraceContext(TRACE, PARENT))])
async def test_request_that_is_not_recorded_has_no_upstream_span(trace: RequestTrace | None) -> None:
    spans, request = Spans(), fhir_request("Patient/1", trace=trace)
    await UpstreamSpans(spans.responding(json_response({})), spans, ALL, "halo-connect")(request)
    assert (spans.records, spans.requests) == ([], [request])


@pytest.mark.parametrize("is_sampled", [True, False])
@pytest.mark.parametrize("propagate", [True, False])
async def test_context_goes_upstream_only_if_set(propagate: bool, is_sampled: bool) -> None:
    spans, sampling = Spans(), Sampling(1.0, propagate)
    client = UpstreamSpans(spans.responding(json_response({})), spans, sampling, "halo-connect")
    parent = SAMPLED if is_sampled else UNSAMPLED
    states = (("tracestate", "rojo=1"), ("tracestate", "congo=2"))
    await request_spans(spans, client, sampling)(fhir_request("Patient/1", headers=(parent, *states)))
    (request,) = spans.requests
    assert request.trace is not None
    sent = dict(request.trace.sent_fields)
    if not propagate:
        assert sent == {}
        return
    assert sent["tracestate"] == "rojo=1,congo=2"
    context = read_context(sent["traceparent"])
    assert context is not None
    assert context.trace_id == TRACE
    expected = spans.records[0].context.span_id if is_sampled else PARENT
    assert (context.span_id, context.is_sampled) == (expected, is_sampled)
    assert all(span.context.state == "" for span in spans.records)


def test_rejected_request_has_a_span_without_its_path() -> None:
    answer = Answer("r-1", 400, catalog.BAD_REQUEST, seconds=2.0)
    trace_id, span = unread_span(ALL, (SAMPLED, ("x-request-id", "Zzyzx")), "ZZYZX", answer)
    assert span is not None
    assert (trace_id, span.context.trace_id) == (TRACE, TRACE)
    assert span.end - span.start >= 2_000_000_000
    assert span.attributes == {
        "http.request.method": "_OTHER",
        "http.response.status_code": 400,
        "error.type": "bad-request",
        "url.template": "{path}",
    }
    assert (span.parent_id, span.has_failed) == (PARENT, False)
    assert unread_span(NONE, (SAMPLED,), "GET", answer) == (TRACE, None)
    assert unread_span(NONE, (), "GET", answer) == ("", None)


def test_unread_request_whose_client_left_is_cancelled() -> None:
    trace_id, span = unread_span(ALL, (SAMPLED,), "POST", Answer("r-1", 499))
    assert span is not None
    assert (trace_id, span.attributes["error.type"], span.has_failed) == (TRACE, "cancelled", True)
    assert "http.response.status_code" not in span.attributes


def test_answer_without_work_has_the_trace_of_its_client_only() -> None:
    assert unread_span(ALL, (SAMPLED,), "OPTIONS", Answer("r-1", 204)) == (TRACE, None)
    assert unread_span(ALL, (), "OPTIONS", Answer("r-1", 204)) == ("", None)


def test_ids_are_long_enough_and_differ() -> None:
    contexts = [ALL.trace_of(())[0].context for _ in range(100)]
    assert {(len(context.trace_id), len(context.span_id)) for context in contexts} == {(32, 16)}
    assert len({context.trace_id for context in contexts}) == 100


@pytest.mark.parametrize("sampling", [ALL, NONE])
async def test_request_that_is_cut_off_leaves_its_trace_id(sampling: Sampling) -> None:
    async def cut_off(_: FhirRequest) -> FhirResponse:
        raise asyncio.CancelledError

    effects = RequestEffects()
    request = fhir_request("Patient/1", headers=(SAMPLED,)).replace(effects=effects)
    handler = RequestSpans(cut_off, Spans(), sampling, attribution_of)
    with pytest.raises(asyncio.CancelledError):
        await handler(request)
    assert effects.trace_id == TRACE
