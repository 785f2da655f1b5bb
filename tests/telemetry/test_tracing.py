"""Traces of one process: nothing without an endpoint, spans with one."""

import subprocess
import sys

import pytest
from support.asgi import asgi_request
from support.otlp_collector import Collector, attributes_of
from support.requests import GUID, SITE, fhir_request, json_response

from gateway.errors import catalog
from gateway.exchange import FhirRequest, FhirResponse
from gateway.ledger.cost import Attribution
from gateway.settings import Traces
from gateway.telemetry.access_log import Answer
from gateway.telemetry.metrics import Metrics
from gateway.telemetry.tracing import Tracing, tracing_of

pytestmark = pytest.mark.anyio
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SAMPLED = f"00-{TRACE}-00f067aa0ba902b7-01".encode()
REFUSED = Answer("r-1", 400, catalog.BAD_REQUEST, 2)


async def respond(request: FhirRequest) -> FhirResponse:
    return json_response({"resourceType": "Patient"})


def attribution_of(request: FhirRequest) -> Attribution:
    return Attribution(GUID, "harbour", SITE.zone, "c0ffee00", "Patient", "read")


async def test_without_endpoint_no_handler_is_wrapped() -> None:
    metrics = Metrics()
    tracing = tracing_of(Traces(), metrics, attribution_of)
    assert type(tracing) is Tracing
    assert tracing.with_request_spans(respond) is respond
    assert tracing.with_upstream_spans(respond, "halo-connect") is respond
    assert tracing.trace_answer(((b"traceparent", SAMPLED),), "GET", REFUSED) == ""
    async with tracing.export():
        pass
    assert b"trace_spans" not in (await metrics.endpoint(asgi_request("/metrics"))).body


def test_without_endpoint_nothing_of_opentelemetry_is_imported() -> None:
    code = (
        "import sys, gateway.telemetry.tracing as tracing, gateway.settings as settings\n"
        "tracing.tracing_of(settings.Traces(), None, None)\n"
        "sys.exit('opentelemetry' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


async def test_spans_of_all_kinds_reach_the_endpoint() -> None:
    metrics = Metrics()
    with Collector() as collector:
        options = Traces.model_validate({"endpoint": collector.url, "sample_ratio": 1})
        tracing = tracing_of(options, metrics, attribution_of)
        handler = tracing.with_request_spans(tracing.with_upstream_spans(respond, "halo-connect"))
        await handler(fhir_request("Patient/1"))  # before the start: not recorded
        async with tracing.export():
            await handler(fhir_request("Patient/1"))
            assert tracing.trace_answer(((b"traceparent", SAMPLED),), "GET", REFUSED) == TRACE
        await handler(fhir_request("Patient/1"))  # after the end
        names = sorted(span.name for span in collector.spans)
        assert names == ["GET {base}/Patient/{id}", "GET {base}/Patient/{id}", "GET {path}"]
        (resource,) = collector.resources
        assert set(resource) == {"service.name", "service.version", "service.instance.id"}
        assert all(attributes_of(span) for span in collector.spans)
    body = (await metrics.endpoint(asgi_request("/metrics"))).body
    assert b'halo_gateway_trace_spans_total{outcome="exported"} 3.0' in body
