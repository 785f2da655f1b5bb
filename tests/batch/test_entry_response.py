"""Entry of a batch-response."""

import json
from typing import Any

import pytest
from fhir.resources.R4B.bundle import Bundle
from support.requests import fhir_request, json_response

from gateway.batch.entry_response import encode_batch_response, encode_entry
from gateway.errors.operation_outcome import encode_resource, information_outcome
from gateway.exchange import FhirRequest, FhirResponse

READ, SEARCH = fhir_request("Patient/1"), fhir_request("Patient")
CREATE = fhir_request("Patient", method="POST")
OUTCOME = information_outcome("Not here.", severity="error", code="not-found")
PATIENT = {"resourceType": "Patient", "id": "1"}


def entry(request: FhirRequest, response: FhirResponse) -> dict[str, Any]:
    encoded = encode_entry(request, response)
    Bundle.model_validate_json(encode_batch_response([encoded]))
    decoded: dict[str, Any] = json.loads(bytes(encoded))
    return decoded


def test_resource_keeps_its_bytes() -> None:
    body = b'{"resourceType": "Patient", "n": 1.50}'
    encoded = bytes(encode_entry(READ, FhirResponse(200, body=body)))
    assert encoded == b'{"resource":' + body + b',"response":{"status":"200 OK"}}'


def test_header_fields_become_elements() -> None:
    headers = (
        ("location", "https://gw.example/Patient/1/_history/2"),
        ("etag", 'W/"2"'),
        ("last-modified", "Wed, 01 Jul 2026 02:00:00 GMT"),
    )
    found = entry(CREATE, FhirResponse(201, headers, b'{"resourceType":"Patient"}'))
    assert found["response"] == {
        "status": "201 Created",
        "location": "https://gw.example/Patient/1/_history/2",
        "etag": 'W/"2"',
        "lastModified": "2026-07-01T02:00:00Z",
    }


def test_failure_is_an_outcome_without_resource() -> None:
    found = entry(READ, FhirResponse(404, body=encode_resource(OUTCOME)))
    assert found == {"response": {"status": "404 Not Found", "outcome": OUTCOME}}


def test_outcome_says_what_a_header_field_would() -> None:
    headers = (("retry-after", "30"), ("allow", "GET"))
    found = entry(READ, FhirResponse(503, headers, encode_resource(OUTCOME)))
    texts = [issue["details"]["text"] for issue in found["response"]["outcome"]["issue"]]
    assert texts == ["Not here.", "Retry-After: 30", "Allow: GET"]


def test_outcome_of_a_write_is_no_resource() -> None:
    found = entry(CREATE, FhirResponse(201, body=encode_resource(OUTCOME)))
    assert found == {"response": {"status": "201 Created", "outcome": OUTCOME}}


def test_outcome_of_an_operation_is_its_resource() -> None:
    found = entry(fhir_request("Patient/$validate", method="POST"), json_response(OUTCOME))
    assert found["resource"] == OUTCOME


def test_resource_that_contains_an_outcome_stays_a_resource() -> None:
    resource = PATIENT | {"contained": [OUTCOME | {"id": "o"}]}
    assert entry(CREATE, json_response(resource, 201))["resource"] == resource


def test_invalid_write_has_a_warning() -> None:
    response = json_response(PATIENT, 201, gateway_validation="Patient.name")
    (issue,) = entry(CREATE, response)["response"]["outcome"]["issue"]
    assert (issue["severity"], "Patient.name" in issue["details"]["text"]) == ("warning", True)


def test_stale_resource_has_a_warning_and_a_searchset_its_own() -> None:
    stale = {"cache_status": "halo-gateway; hit; ttl=-5; detail=practice-away", "age": "65"}
    (issue,) = entry(READ, json_response(PATIENT, **stale))["response"]["outcome"]["issue"]
    assert "65 seconds" in issue["details"]["text"]
    assert "outcome" not in entry(SEARCH, json_response(PATIENT, **stale))["response"]


def test_bytes_of_another_media_type_become_a_binary() -> None:
    response = FhirResponse(200, (("content-type", "application/pdf; x=y"),), b"%PDF")
    found = entry(fhir_request("Binary/1"), response)["resource"]
    assert found == {"resourceType": "Binary", "contentType": "application/pdf", "data": "JVBERg=="}


@pytest.mark.parametrize("body", [b'{"statusCode":500}', b'{"OperationOutcome"', b'["OperationOutcome"]'])
def test_error_that_is_not_fhir_is_replaced(body: bytes) -> None:
    found = entry(READ, FhirResponse(500, (("content-type", "application/json"),), body))
    assert "resource" not in found
    assert found["response"]["outcome"]["issue"][0]["severity"] == "error"


@pytest.mark.parametrize(
    ("request_", "response"),
    [
        (fhir_request("Patient/1", method="HEAD"), json_response(PATIENT)),
        (READ, FhirResponse(304)),
        (fhir_request("Patient/1", method="DELETE"), FhirResponse(204)),
    ],
)
def test_response_without_body_has_no_resource(request_: FhirRequest, response: FhirResponse) -> None:
    assert "resource" not in entry(request_, response)


def test_status_without_phrase_is_its_number() -> None:
    assert entry(READ, FhirResponse(299))["response"]["status"] == "299"


def test_batch_response_without_entries_has_no_empty_array() -> None:
    assert json.loads(encode_batch_response([])) == {"resourceType": "Bundle", "type": "batch-response"}
