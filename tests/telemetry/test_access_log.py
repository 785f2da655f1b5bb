"""Access log line of a request."""

import pytest
from structlog.testing import capture_logs
from support.requests import fhir_request

from gateway.exchange import FhirRequest, FhirResponse
from gateway.telemetry.access_log import AccessLog, request_log_fields


@pytest.mark.anyio
async def test_request_is_logged_without_values() -> None:
    async def handler(request: FhirRequest) -> FhirResponse:
        return FhirResponse(200, body=b"{}", applied_repairs=("link-base-url",))

    times = iter((1.0, 1.25))
    with capture_logs() as lines:
        await AccessLog(handler, lambda: next(times))(fhir_request("Patient", "family=Zzyzx&_count=2"))
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
    assert "app" not in line


def test_app_is_logged_where_apps_are_configured() -> None:
    assert request_log_fields(fhir_request("Patient/1").replace(app="other"))["app"] == "other"
