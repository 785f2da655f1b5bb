"""Traces of a running gateway at a real collector: parents, entries, and no value of a client or upstream."""

import json
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from conftest import KEY, Pair, settings_for
from structlog.testing import capture_logs
from support.otlp_collector import Collector, attributes_of
from support.workers import workers_gateway

from gateway.app import create_app
from gateway.emulator.sites import BRISBANE, SYDNEY
from gateway.server.serve import ThreadedServer
from gateway.settings import Cache, Settings, Traces

CANARY = "Zzyzx"
TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SAMPLED = {"traceparent": f"00-{TRACE}-{PARENT}-01"}
FHIR = f"/integrator/sites/{SYDNEY}/fhir/R4"
FORM = {"content-type": "application/x-www-form-urlencoded"}
JSON = {"content-type": "application/fhir+json"}
PATIENT = {"resourceType": "Patient", "name": [{"family": CANARY}], "birthDate": CANARY}
BATCH = {
    "resourceType": "Bundle",
    "type": "batch",
    "entry": [
        {"request": {"method": "GET", "url": "Patient/1"}},
        {"request": {"method": "GET", "url": f"Patient?family={CANARY}"}},
        {"request": {"method": CANARY, "url": f"{CANARY}/{CANARY}"}},
        {
            "request": {"method": "POST", "url": "Patient", "ifNoneExist": f"name={CANARY}"},
            "resource": PATIENT,
        },
    ],
}
#: Every field that a client can fill.
REQUESTS: list[tuple[str, str, dict[str, str], object]] = [
    ("GET", f"{FHIR}/Patient?family={CANARY}&{CANARY}={CANARY}", {}, None),
    ("GET", f"{FHIR}/Patient/{CANARY}", {}, None),
    ("GET", f"{FHIR}/Patient/1/_history/{CANARY}", {}, None),
    ("GET", f"{FHIR}/Patient/{CANARY}/$zzyzx?{CANARY}", {}, None),
    ("GET", f"{FHIR}/{CANARY}/1", {}, None),
    ("GET", f"/integrator/sites/{CANARY}/fhir/R4/Patient", {}, None),
    ("GET", f"/{CANARY}", {}, None),
    ("GET", f"/integrator/sites?practiceManagementSiteId={CANARY}", {}, None),
    ("POST", f"{FHIR}/Patient/_search", FORM, f"family={CANARY}"),
    ("POST", f"{FHIR}/Patient", JSON, PATIENT),
    ("POST", f"{FHIR}/Patient", {"content-type": f"text/{CANARY}"}, PATIENT),
    ("PUT", f"{FHIR}/Patient/{CANARY}", JSON | {"if-match": f'W/"{CANARY}"'}, PATIENT),
    ("DELETE", f"{FHIR}/Patient/{CANARY}", {}, None),
    ("POST", FHIR, JSON, BATCH),
    ("POST", f"/integrator/sites/{SYDNEY}/queries/immediate", JSON, {"command": {"text": CANARY}}),
    ("GET", f"/integrator/sites/{SYDNEY}/queries/{CANARY}", {}, None),
    (
        "GET",
        f"/desktop/sites/{BRISBANE}/fhir/R4/Patient",
        {"authorization": CANARY, "deviceid": CANARY},
        None,
    ),
    ("ZZYZX", f"{FHIR}/Patient", {}, None),
]
#: Header fields of every request: those of traces hold the canary where their syntax permits, and elsewhere.
CONTEXTS: list[dict[str, str]] = [
    SAMPLED | {"tracestate": f"zzyzx={CANARY}", "baggage": f"patient={CANARY}"},
    {"traceparent": CANARY, "tracestate": CANARY, "baggage": CANARY},
    {"traceparent": f"01-{TRACE}-{PARENT}-01-{CANARY}", "b3": CANARY, "x-correlation-id": CANARY},
]
COMMON = {
    "user-agent": CANARY,
    "x-request-id": CANARY,
    "accept-language": CANARY,
    "prefer": CANARY,
    "gateway-app": CANARY,
    "x-forwarded-for": CANARY,
}
#: Upstream errors with the canary in text, code, media type and header fields.
FAULTS: list[dict[str, Any]] = [
    {"status": 500, "body": CANARY},
    {"status": 400, "body": {"errorCode": CANARY, "errorMessage": CANARY}},
    {"status": 503, "body": f"<html>{CANARY}", "headers": {"content-type": f"text/{CANARY}"}},
    {"status": 302, "headers": {"location": f"https://{CANARY}.example/", "cache-status": f"{CANARY}; hit"}},
    {"status": 200, "body": {"resourceType": CANARY}, "headers": {"gateway-attempts": CANARY}},
]


@contextmanager
def traced_gateway(pair: Pair, collector: Collector, **options: object) -> Iterator[str]:
    """A gateway with traces, which are all exported when it has ended."""
    traces = Traces.model_validate({"endpoint": collector.url, "sample_ratio": 1} | options)
    settings: Settings = settings_for(pair.emulator.url).model_copy(
        update={"traces": traces, "cache": Cache()}
    )
    with capture_logs(), ThreadedServer(create_app(settings)) as server:
        yield server.url


def send(
    base: str, method: str, path: str, headers: dict[str, str] | None = None, body: object = None
) -> httpx.Response:
    content = body if isinstance(body, str) or body is None else json.dumps(body)
    fields = KEY | (headers or {})
    return httpx.request(method, base + path, headers=fields, content=content, trust_env=False, timeout=30)


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as running:
        yield running


def test_no_value_of_client_or_upstream_reaches_the_collector(pair: Pair, collector: Collector) -> None:
    with traced_gateway(pair, collector) as base:
        for context in CONTEXTS:
            for method, path, headers, body in REQUESTS:
                send(base, method, path, COMMON | context | headers, body)
        for fault in FAULTS:
            pair.fault(kind="answer", times=1, **fault)
            send(base, "GET", f"{FHIR}/Patient?family={CANARY}", COMMON | CONTEXTS[0])
            httpx.post(f"{base}/{CANARY}", trust_env=False)
    raw = b"".join(collector.bodies).lower()
    assert len(collector.spans) > len(CONTEXTS) * len(REQUESTS)
    assert CANARY.lower().encode() not in raw
    assert b"demo-key" not in raw
    served = [attributes_of(span) for span in collector.spans if span.kind != span.SPAN_KIND_CLIENT]
    codes = {each.get("error.type") for each in served if each["http.response.status_code"] >= 400}
    assert "resource-not-found" in codes
    assert None not in codes
    assert {span.trace_state for span in collector.spans} == {""}
    assert all(set(resource) == RESOURCE for resource in collector.resources)


RESOURCE = {"service.name", "service.version", "service.instance.id"}


def test_spans_show_cache_batch_and_upstream(pair: Pair, collector: Collector) -> None:
    with traced_gateway(pair, collector) as base:
        for _ in range(3):
            assert send(base, "GET", f"{FHIR}/Patient/1", SAMPLED).status_code == 200
        assert send(base, "POST", FHIR, JSON, BATCH).status_code == 200
    by_id = {span.span_id: span for span in collector.spans}
    reads = [span for span in collector.spans if span.trace_id.hex() == TRACE]
    attributes = [attributes_of(span) for span in reads]
    # the first is a miss with an upstream span; later identical ones may be hits before anything is parsed
    outcomes = [each.get("halo_gateway.cache") for each in attributes if "halo_gateway.site" in each]
    assert outcomes[:1] == ["miss"]
    sent = [span for span in reads if span.kind == span.SPAN_KIND_CLIENT]
    assert sent
    for span in sent:
        parent = by_id[span.parent_span_id]
        assert (parent.kind, parent.parent_span_id.hex()) == (parent.SPAN_KIND_SERVER, PARENT)
        assert parent.start_time_unix_nano <= span.start_time_unix_nano <= span.end_time_unix_nano
    (batch,) = [span for span in collector.spans if span.name == "POST {base}"]
    entries = [span for span in collector.spans if span.kind == span.SPAN_KIND_INTERNAL]
    assert {span.parent_span_id for span in entries} == {batch.span_id}
    assert {span.name for span in entries} >= {"GET {base}/Patient/{id}", "GET {base}/Patient"}


@pytest.mark.parametrize("propagate", [False, True])
def test_traceparent_goes_upstream_only_if_set(pair: Pair, collector: Collector, propagate: bool) -> None:
    with traced_gateway(pair, collector, propagate=propagate) as base:
        send(base, "GET", f"{FHIR}/Patient/1", SAMPLED | {"tracestate": "rojo=1", "baggage": CANARY})
    sent = [dict(request["headers"]) for request in pair.sent() if "Patient" in str(request["path"])]  # type: ignore[call-overload]
    assert sent
    for headers in sent:
        assert "baggage" not in headers
        if not propagate:
            assert not {"traceparent", "tracestate"} & set(headers)
            continue
        version, trace_id, span_id, flags = headers["traceparent"].split("-")
        assert (version, trace_id, flags, headers["tracestate"]) == ("00", TRACE, "01", "rojo=1")
        assert span_id in {span.span_id.hex() for span in collector.spans}


def test_client_without_a_trace_gets_the_same(pair: Pair, collector: Collector) -> None:
    with traced_gateway(pair, collector) as base:
        plain = send(base, "GET", f"{FHIR}/Patient/2")
        traced = send(base, "GET", f"{FHIR}/Patient/2", SAMPLED)
    assert (plain.status_code, plain.content) == (traced.status_code, traced.content)
    assert not {"traceparent", "tracestate", "traceresponse"} & set(traced.headers)


def test_log_names_the_trace(pair: Pair, collector: Collector) -> None:
    with traced_gateway(pair, collector) as base, capture_logs() as lines:
        send(base, "GET", f"{FHIR}/Patient/1", SAMPLED)
    (line,) = [line for line in lines if line["event"] == "request"]
    assert line["trace_id"] == TRACE


def test_workers_export_their_spans_when_they_end(pair: Pair, collector: Collector, tmp_path: Path) -> None:
    options = {"TRACES__ENDPOINT": collector.url, "TRACES__SAMPLE_RATIO": "1"}
    with workers_gateway(pair.emulator.url, tmp_path, **options) as gateway:
        with gateway.clients() as clients:
            for client in clients:
                assert client.get("/Patient/1").status_code == 200
        gateway.process.send_signal(signal.SIGTERM)
        assert gateway.process.wait(20) == 0
        assert not gateway.lines("library-message")
    assert len({resource["service.instance.id"] for resource in collector.resources}) == 2
    assert len({span.trace_id for span in collector.spans}) >= 2


def test_dead_collector_costs_spans_only(pair: Pair, tmp_path: Path) -> None:
    options = {"TRACES__ENDPOINT": "http://127.0.0.1:1", "TRACES__SAMPLE_RATIO": "1"}
    with workers_gateway(pair.emulator.url, tmp_path, count=1, **options) as gateway:
        assert httpx.get(f"{gateway.path}/Patient/1", headers=KEY, trust_env=False).status_code == 200
        gateway.process.send_signal(signal.SIGTERM)
        assert gateway.process.wait(20) == 0
        warnings = [line["event"] for line in gateway.lines() if line["level"] != "info"]
    events = [event for event in warnings if event != "configuration"]
    assert {*events} <= {"traces-lost", "traces-not-exported"}


def test_refusals_and_entries_name_the_trace(pair: Pair, collector: Collector) -> None:
    entries = [{"request": {"method": "GET", "url": url}} for url in ("Zzyzx/1", "Patient/1")]
    batch = json.dumps({"resourceType": "Bundle", "type": "batch", "entry": entries}).encode()
    with traced_gateway(pair, collector) as base, capture_logs() as lines:
        for method, path, headers, body in (
            ("GET", "/zzyzx", {}, b""),
            ("GET", f"{FHIR}/Patient/1", {next(iter(KEY)): ""}, b""),
            ("PUT", f"{FHIR}/metadata", {}, b""),
            ("GET", f"{FHIR}/Patient/1", {"x-many": "a"} | {f"x-{n}": "a" for n in range(150)}, b""),
            ("POST", FHIR, {"content-type": "application/fhir+json"}, batch),
        ):
            fields = KEY | SAMPLED | headers
            httpx.request(method, base + path, headers=fields, content=body, trust_env=False, timeout=30)
    requests = [line for line in lines if line["event"] == "request"]
    assert [line["status"] for line in requests] == [404, 401, 405, 431, 404, 200, 200]
    assert {line.get("trace_id") for line in requests} == {TRACE}
    refused = [attributes_of(span) for span in collector.spans if span.name.endswith(" {path}")]
    codes = ["unknown-path", "credentials-missing", "method-not-allowed", "headers-too-many"]
    assert sorted(str(each["error.type"]) for each in refused) == sorted(codes)
