import asyncio

from structlog.testing import capture_logs
from support.requests import fhir_request

from gateway.exchange import FhirRequest, FhirResponse
from gateway.telemetry.access_log import AccessLog


def test_one_line_per_exchange_says_its_shape_and_no_value() -> None:
    async def inner(request: FhirRequest) -> FhirResponse:
        return FhirResponse(200, body=b"{}", applied_repairs=("link-base-url",))

    ticks = iter((1.0, 1.25))
    with capture_logs() as lines:
        asyncio.run(AccessLog(inner, lambda: next(ticks))(fhir_request("Patient", "family=Zzyzx&_count=2")))
    (line,) = lines
    assert "Zzyzx" not in str(line)
    assert {name: line[name] for name in ("site", "interaction", "type", "status", "ms", "bytes")} == {
        "site": "harbour",
        "interaction": "search-type",
        "type": "Patient",
        "status": 200,
        "ms": 250.0,
        "bytes": 2,
    }
    assert line["parameters"] == ["_count", "family"]
