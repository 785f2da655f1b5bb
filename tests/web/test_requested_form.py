"""What a refusal after the upstream's answer counts; `test_endpoint.py` tests the forms."""

import pytest
from structlog.testing import capture_logs
from support.ledger import RecordingSink, recorder_of
from support.requests import fhir_request, json_response

from gateway.exchange import FhirRequest, FhirResponse, UpstreamUse
from gateway.http.cache_status import CacheStatus
from gateway.web.requested_form import RequestedForm

pytestmark = pytest.mark.anyio
MISS = CacheStatus("uri-miss", status=200, stored=True).header_value
USE = UpstreamUse(1, 0.1, 1)
PDF = json_response({"resourceType": "Binary", "contentType": "application/pdf", "data": "SGk="})
BROKEN = FhirResponse(200, (("content-type", "application/json"),), b'{"resourceType":')
HTML = FhirResponse(200, (("content-type", "text/html"),), b"<script>")


@pytest.mark.parametrize(
    ("response", "status", "code"),
    [(PDF, 406, "media-type"), (HTML, 406, "media-type"), (BROKEN, 502, "upstream-unrecognised")],
)
async def test_refusal_has_the_queries_of_the_refused_response(
    response: FhirResponse, status: int, code: str
) -> None:
    answered = response.with_header("cache-status", MISS).with_upstream_use(USE)

    async def respond(_: FhirRequest) -> FhirResponse:
        return answered.replace(applied_repairs=("link-base-url",))

    sink = RecordingSink()
    request = fhir_request("Binary/1", response_format="image/png")
    with capture_logs():
        refusal = await RequestedForm(respond, recorder_of(sink))(request)
    assert (refusal.status, refusal.failure_code, sink.codes) == (status, code, [code])
    assert (refusal.upstream_use, refusal.header("cache-status")) == (USE, MISS)
    assert refusal.applied_repairs == ("link-base-url",)
