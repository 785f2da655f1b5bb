"""Acceptable and unacceptable responses by request."""

from typing import Any

import pytest
from support.dialects import KEY, firely, request, response
from support.requests import fhir_request

from gateway.exchange import FhirRequest, FhirResponse
from gateway.upstreams.halo_envelopes import HALO_ENVELOPES
from gateway.upstreams.response_check import ResponseCheck, is_checked_resource

_BUNDLE = {"resourceType": "Bundle", "type": "searchset"}
_HISTORY = {"resourceType": "Bundle", "type": "history"}
_PATIENT = {"resourceType": "Patient", "id": "1"}
_INFORMATION = {
    "resourceType": "OperationOutcome",
    "issue": [{"severity": "information", "code": "informational"}],
}


def halo_check(request: FhirRequest, response: FhirResponse, is_fhir: bool = True) -> ResponseCheck:
    return ResponseCheck(request, response, is_fhir, HALO_ENVELOPES, "envelopes")


@pytest.mark.parametrize(
    ("line", "status", "body"),
    [
        ("GET Patient", 200, _BUNDLE),
        ("POST Patient/_search", 200, _BUNDLE),
        ("GET Patient", 200, b' \n{ "resourceType" : "Bundle" , "type" : "searchset" } \n'),
        ("GET Patient", 200, b'{"resourceType":"Bundle","id":"x","meta":{"a":"b"},"type":"searchset"}'),
        ("GET Patient", 200, {"resourceType": "Bundle", "total": 0, "meta": {"a": {}}, "type": "searchset"}),
        ("GET Patient", 200, _BUNDLE | {"errorCode": None, "errorMessage": ""}),
        ("GET Patient", 200, _BUNDLE | {"entry": [{"resource": {"errorMessage": "inside"}}]}),
        ("GET Encounter/1", 200, {"resourceType": "Encounter", "id": "1", "type": [{"errorCode": 1}]}),
        ("GET Patient", 200, {"id": "x", **_BUNDLE}),
        ("GET Patient/1/_history", 200, _HISTORY),
        ("GET Patient/1", 200, _PATIENT),
        ("GET Patient/1/_history/2", 200, _PATIENT),
        ("GET Patient/1/_history/2", 200, {**_PATIENT, "meta": {"versionId": "2"}}),
        ("GET Patient/1", 200, {**_PATIENT, "meta": {"versionId": "2"}}),
        ("GET metadata", 200, {"resourceType": "CapabilityStatement"}),
        ("GET Patient/1/$everything", 200, _PATIENT),
        ("GET Patient/2/$other", 200, _PATIENT),
        ("GET Patient/1/$everything", 202, b""),
        ("GET Patient/1/$everything", 204, b""),
        ("POST Patient/$validate", 200, firely("An error is the answer here")),
        ("POST Patient", 201, b""),
        ("POST Patient", 201, _PATIENT),
        ("PUT Patient/1", 200, _INFORMATION),
        ("DELETE Patient/1", 204, b""),
        ("POST ", 200, _BUNDLE),
        ("HEAD Patient/1", 200, b""),
        ("HEAD Patient/1", 200, _PATIENT),
        ("GET OperationOutcome/1", 200, _INFORMATION),
        ("GET somewhere/else", 200, b"<html>"),
    ],
)
def test_requested_content_is_acceptable(line: str, status: int, body: Any) -> None:
    assert halo_check(request(line), response(status, body)).is_acceptable


@pytest.mark.parametrize(
    ("line", "status", "body"),
    [
        ("GET Patient", 200, b""),
        ("GET Patient", 204, b""),
        ("GET Patient/1/_history/2", 200, {**_PATIENT, "meta": {"versionId": "3"}}),
        ("GET Patient/1", 205, b""),
        ("GET Patient", 202, b""),
        ("GET Patient", 202, _INFORMATION),
        ("HEAD Patient/1", 202, b""),
        ("GET Patient", 304, b""),
        ("GET Patient/1", 304, b""),
        ("GET Patient/1/_history", 304, b""),
        ("GET Patient/1/$everything", 304, b""),
        ("HEAD Patient/1", 304, b""),
        ("GET somewhere/else", 304, b""),
        ("GET Patient/A-1", 200, {"resourceType": "Patient", "id": "a-1"}),
        ("GET Patient/2/$everything", 200, _PATIENT),
        ("GET Patient", 200, _PATIENT),
        ("GET Patient", 200, firely("Broken")),
        ("GET Patient", 200, _INFORMATION),
        ("GET Patient/1", 200, _BUNDLE),
        ("GET Patient/1", 200, {"resourceType": 7}),
        ("GET Patient/2", 200, _PATIENT),
        ("HEAD Patient/2", 200, _PATIENT),
        ("GET Patient/2/_history/1", 200, _PATIENT),
        ("GET Patient/1", 200, {"resourceType": "Patient"}),
        ("GET Patient/1", 200, {"resourceType": "Patient", "id": 1}),
        ("GET Patient/1", 200, {"resourceType": "Patient", "link": [{"id": "1"}], "id": "2"}),
        ("GET Patient/1", 200, b'{"resourceType":"Patient","id":"2","id":"1"}'),
        ("GET metadata", 200, _PATIENT),
        ("GET Patient", 200, {"resourceType": "Bundle", "total": 0}),
        ("GET Patient", 200, {"resourceType": "Bundle", "type": ["searchset"]}),
        ("GET Patient", 200, _HISTORY),
        ("GET Patient/1/_history", 200, _BUNDLE),
        ("GET Patient", 200, _BUNDLE | {"errorCode": 0}),
        ("GET Patient", 200, _BUNDLE | {"errorMessage": "Broken"}),
        ("GET Patient", 200, {"errorDetails": {"errorCode": 1}} | _BUNDLE),
        ("GET Patient/1", 200, _PATIENT | {"errorMessage": "Broken"}),
        ("GET Patient", 200, b'{"resourceType":"Bundle","entry":[{"res'),
        ("GET Patient", 200, b'{"id":"x","resourceType":"Bun}'),
        ("GET Patient", 200, b"<html></html>"),
        ("GET Patient", 200, {"errorDetails": {}}),
        ("POST Patient/1/$op", 200, firely("Broken")),
        ("PUT Patient/1", 200, firely("Broken")),
        ("PUT Patient/1", 200, b'{"resourceType":"OperationOutcome",,}'),
        ("PUT Patient/1", 200, b"OK"),
        ("GET Patient", 206, _BUNDLE),
        ("GET Patient", 302, b""),
        ("GET Patient", 404, _BUNDLE),
        ("HEAD Patient/1", 500, b""),
        ("GET somewhere/else", 200, {"error": {"status": 500, "message": "x"}}),
    ],
)
def test_other_content_is_not_acceptable(line: str, status: int, body: Any) -> None:
    assert not halo_check(request(line), response(status, body)).is_acceptable


@pytest.mark.parametrize("body", [b"", _INFORMATION])
@pytest.mark.parametrize("line", ["GET Patient", "GET Patient/1"])
def test_client_that_asked_for_an_asynchronous_response_gets_202(line: str, body: Any) -> None:
    asked = request(line, (*KEY, ("prefer", "handling=strict, respond-async")))
    assert halo_check(asked, response(202, body)).is_acceptable
    assert not halo_check(asked, response(304, b"")).is_acceptable


def test_binary_may_have_its_own_media_type() -> None:
    pdf = response(200, b"%PDF-1.7", ("content-type", "application/pdf"))
    assert halo_check(request("GET Binary/1"), pdf).is_acceptable
    assert not halo_check(request("GET Patient/1"), pdf).is_acceptable


def test_entries_of_a_good_bundle_are_not_decoded() -> None:
    body = b'{"resourceType":"Bundle","type":"searchset","entry":[' + b'{"a":1},' * 10 + b"no JSON}"
    assert halo_check(request(), response(200, body)).is_acceptable


@pytest.mark.parametrize("size", [65_500, 131_050, 131_072, 300_000])
def test_error_is_found_wherever_a_large_query_has_it(size: int) -> None:
    for before in ("", '"errorCode" : null, '):
        fields = f'{before}"command":"{"x" * size}","errorMessage":"No","more":"{"x" * 300_000}"'
        check = halo_check(request("GET somewhere/else"), response(200, f" {{{fields}}}".encode()), False)
        assert not check.is_acceptable


@pytest.mark.parametrize("body", [b'{"errorMessage":null,"a":"%s"}', b'[{"errorMessage":"No","a":"%s"}]'])
def test_large_result_without_an_own_error_is_acceptable(body: bytes) -> None:
    large = response(200, body % (b"x" * 300_000))
    assert halo_check(request("GET somewhere/else"), large, is_fhir=False).is_acceptable


@pytest.mark.parametrize("start", ["", "\ufeff"])
def test_error_of_a_large_query_in_unusual_json_is_found(start: str) -> None:
    text = (
        f'{start}{{"command":"{"x" * 300_000}\\ud83d","errorDetails":{{"errorCode":7,"errorMessage":"No"}}}}'
    )
    check = halo_check(request("GET somewhere/else"), response(200, text.encode()), is_fhir=False)
    assert not check.is_acceptable


@pytest.mark.parametrize(
    ("path", "status", "body", "is_checked"),
    [
        ("Patient/p", 200, b'{"resourceType":"Patient","id":"p"}', True),
        ("Patient/p", 201, b'{"resourceType":"Patient","id":"p"}', False),
        ("Patient/p", 200, b'{"id":"p","resourceType":"Patient"}', False),
        ("Patient/p", 200, b'{"resourceType":"Bundle","id":"p"}', False),
        ("Bundle/b", 200, b'{"resourceType":"Bundle","id":"b"}', False),
        ("Patient", 200, b'{"resourceType":"Patient","id":"p"}', False),
    ],
)
def test_only_a_read_of_its_own_type_is_checked(
    path: str, status: int, body: bytes, is_checked: bool
) -> None:
    assert is_checked_resource(fhir_request(path), FhirResponse(status), body) is is_checked
