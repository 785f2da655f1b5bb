"""Event of a request."""

from typing import Any

import pytest
from structlog.testing import capture_logs
from support.requests import GUID, LABS, fhir_request

from gateway.errors import catalog
from gateway.exchange import FhirRequest, FhirResponse, UpstreamUse
from gateway.http.cache_status import CacheStatus
from gateway.telemetry.access_log import AccessLog, Answer, Sender, request_log_fields

STATUS = CacheStatus("uri-miss", status=200, stored=True).header_value
RESPONSE = FhirResponse(
    200, (("cache-status", STATUS),), b"{}", ("link-base-url",), upstream_use=UpstreamUse(3, 0.1, 2)
)


def line_of(request: FhirRequest, response: FhirResponse = RESPONSE, **options: Any) -> Any:
    with capture_logs() as lines:
        AccessLog(caller_name=lambda headers, _: dict(headers).get("deviceid", "")).log(
            request, response, 0.25, **options
        )
    (line,) = lines
    return line


def test_request_is_logged_without_values() -> None:
    headers = (("deviceid", "diary"),)
    line = line_of(fhir_request("Patient", "family=Zzyzx&_count=2&Zzyzx=1", headers=headers))
    assert "Zzyzx" not in str(line)
    assert line == {
        "event": "request",
        "log_level": "info",
        "request_id": "r-1",
        "site": "harbour",
        "site_id": GUID[:8],
        "caller": "diary",
        "method": "GET",
        "interaction": "search-type",
        "type": "Patient",
        "parameters": ["_count", "family", "other"],
        "status": 200,
        "cache": "miss",
        "queries": 2,
        "repairs": ("link-base-url",),
        "bytes": 2,
        "ms": 250.0,
    }


def test_failure_is_logged_by_its_code() -> None:
    line = line_of(fhir_request("Patient/1"), FhirResponse(404, failure_code="resource-not-found"))
    assert (line["code"], line["cache"], line["queries"]) == ("resource-not-found", "", 0)


def test_request_that_was_cut_off_is_a_warning() -> None:
    assert line_of(fhir_request("Patient/1"), is_cut_off=True)["log_level"] == "warning"


def test_client_that_left_is_noted() -> None:
    assert line_of(fhir_request("Patient/1"), is_client_gone=True)["client_left"] is True
    with capture_logs() as lines:
        AccessLog().log_left(fhir_request("Patient/1"), 1.0)
    assert [(line["status"], line["client_left"], line["bytes"]) for line in lines] == [(499, True, 0)]


def test_mounted_upstream_has_a_name_and_no_id() -> None:
    line = line_of(fhir_request("Patient/1", site=LABS))
    assert (line["site"], line["site_id"]) == ("labs", "")


def test_app_is_logged_where_apps_are_configured() -> None:
    assert request_log_fields(fhir_request("Patient/1").replace(app="other"))["app"] == "other"
    assert "app" not in request_log_fields(fhir_request("Patient/1"))


@pytest.mark.parametrize(
    ("method", "logged"), [("POST", "POST"), ("ZZYZX", "other"), ("get", "other"), ("", "")]
)
def test_unread_request_is_logged_by_method_and_site(method: str, logged: str) -> None:
    with capture_logs() as lines:
        answer = Answer("r-1", 400, catalog.BAD_REQUEST, 9, 0.001)
        AccessLog().log_unread(f"/integrator/sites/{GUID}/Zzyzx", method, answer, Sender("diary", "board"))
    (line,) = lines
    assert (line["method"], line["site_id"], line["caller"], line["app"]) == (
        logged,
        GUID[:8],
        "diary",
        "board",
    )
    assert (line["status"], line["code"], line["bytes"], line["ms"]) == (400, "bad-request", 9, 1.0)
    assert "zzyzx" not in str(line).lower()
    assert set(line_of(fhir_request("Patient/1"))) - set(line) == set()
