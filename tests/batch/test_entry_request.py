"""Request of a batch entry."""

import json
from base64 import b64encode
from typing import Any

import pytest
from support.requests import fhir_request

from gateway.batch.bundle import BatchEntry
from gateway.batch.entry_request import entry_request
from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest
from gateway.settings import Settings

SETTINGS = Settings()
SHARED = (
    ("ocp-apim-subscription-key", "k"),
    ("accept", "application/json"),
    ("prefer", "return=minimal, handling=strict"),
    ("priority", "u=7"),
    ("cache-control", "no-cache"),
)
OWN = (
    ("content-type", "application/fhir+json"),
    ("content-length", "9"),
    ("if-match", 'W/"batch"'),
    ("if-none-match", "*"),
    ("if-none-exist", "identifier=1"),
    ("hg-idempotency-key", "one"),
)
BATCH = fhir_request("", method="POST", headers=(*SHARED, *OWN), body=b"{}", request_id="r-1", deadline=9.0)
PATIENT = b'{"resourceType":"Patient"}'


def read(method: str, url: str, resource: bytes = b"", **conditions: str) -> FhirRequest:
    fields = tuple((name.replace("_", "-"), value) for name, value in conditions.items())
    return entry_request(BATCH, BatchEntry(method, url, fields, resource), 7, SETTINGS)


def refusal(method: str, url: str, resource: bytes = b"", **conditions: str) -> Failure:
    with pytest.raises(Failure) as failure:
        read(method, url, resource, **conditions)
    return failure.value


def test_read_has_credentials_and_preferences_of_the_batch_only() -> None:
    request = read("GET", "Patient/1")
    assert (request.method, request.path, request.interaction.code) == ("GET", "Patient/1", "read")
    assert request.headers == SHARED
    assert (request.body, request.request_id, request.deadline) == (b"", "r-1.7", 9.0)
    assert (request.site, request.public_base) == (BATCH.site, BATCH.public_base)
    assert request.response_format == "application/json"


@pytest.mark.parametrize(
    "url",
    ["Patient?name=x&_count=5", "/Patient?name=x&_count=5", f"{BATCH.public_base}/Patient?name=x&_count=5"],
)
def test_url_is_relative_or_on_the_public_base(url: str) -> None:
    request = read("GET", url)
    assert request.path == "Patient"
    assert request.upstream_search.query == "name=x&_count=5"
    assert request.client_search is request.upstream_search


@pytest.mark.parametrize(
    "url",
    [
        "https://elsewhere.example/Patient/1",
        "HTTPS://gw.example.evil/Patient/1",
        f"{BATCH.public_base}.evil/Patient/1",
        f"{BATCH.upstream_base}/Patient/1",
        BATCH.public_base.replace("00000000000a", "00000000000b") + "/Patient/1",
        "//elsewhere.example/Patient/1",
        "urn:uuid:0a1b2c3d-0000-4000-8000-000000000001",
        "file:Patient",
    ],
)
def test_url_elsewhere_is_refused(url: str) -> None:
    failure = refusal("GET", url)
    assert (failure.kind.code, failure.kind.may_have_run) == ("batch-entry-invalid", False)


@pytest.mark.parametrize(
    ("url", "status"),
    [
        ("Patient/1\r\nX: y", 400),
        ("Patient?name=a b", 400),
        ("Patient?name=é", 400),
        ("Patient/../Practitioner/1", 400),
        ("Patient/%2e%2e/x", 400),
        ("Patient%2f1", 400),
        ("Nonsense/1", 404),
        ("Patient?name=" + "x" * 20_000, 414),
        ("Patient?_count=many", 400),
        ("Patient?" + "a=b&" * 300, 400),
        ("Patient?_format=xml", 406),
    ],
)
def test_url_is_checked_as_that_of_a_single_request(url: str, status: int) -> None:
    assert refusal("GET", url).kind.status == status


@pytest.mark.parametrize("url", ["/", "?x=1"])
def test_batch_in_a_batch_is_refused(url: str) -> None:
    nested = b'{"resourceType":"Bundle","type":"batch"}'
    assert "cannot contain a batch" in refusal("POST", url, nested).text


@pytest.mark.parametrize("method", ["FOO", "get", "OPTIONS", "TRACE", "GET /x"])
def test_unknown_method_is_refused(method: str) -> None:
    assert refusal(method, "Patient/1").kind.status == 405


def test_reference_to_another_entry_is_refused() -> None:
    resource = b'{"subject":{"reference":"urn:uuid:1"}}'
    entry = BatchEntry("POST", "Observation", (), resource, created_urls=frozenset({"urn:uuid:1"}))
    with pytest.raises(Failure) as failure:
        entry_request(BATCH, entry, 0, SETTINGS)
    assert failure.value.expression == "Bundle.entry.resource"


def test_write_has_its_own_conditions_and_body() -> None:
    request = read("PUT", "Patient/1", PATIENT, if_match='W/"3"')
    assert (request.body, request.interaction.code) == (PATIENT, "update")
    assert request.headers == (*SHARED, ("content-type", "application/fhir+json"), ("if-match", 'W/"3"'))


def test_modification_date_is_an_http_date() -> None:
    request = read("GET", "Patient/1", if_modified_since="2026-07-01T12:00:00.5+10:00")
    assert request.header("if-modified-since") == "Wed, 01 Jul 2026 02:00:00 GMT"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("if_match", 'W/"1"\r\nAuthorization: Bearer x'),
        ("if_none_match", "\x00"),
        ("if_none_exist", "identifier=é"),
        ("if_match", "x" * 20_000),
        ("if_modified_since", "yesterday"),
        ("if_modified_since", "2026-07-01T12:00:00"),
        ("if_none_exist", "a=b&" * 300),
    ],
)
def test_condition_that_no_header_can_contain_is_refused(name: str, value: str) -> None:
    assert refusal("PUT", "Patient/1", PATIENT, **{name: value}).kind.status == 400


@pytest.mark.parametrize(
    ("method", "url", "resource"),
    [
        ("POST", "Patient", b""),
        ("PUT", "Patient/1", b""),
        ("PATCH", "Patient/1", b""),
        ("GET", "Patient/1", PATIENT),
        ("DELETE", "Patient/1", PATIENT),
        ("POST", "Patient", b"[]"),
        ("POST", "Patient", b"{"),
        ("POST", "Patient", b'{"a":' * 70 + b"1" + b"}" * 70),
    ],
)
def test_method_and_resource_must_fit(method: str, url: str, resource: bytes) -> None:
    assert refusal(method, url, resource).kind.status == 400


def test_operation_may_lack_a_resource() -> None:
    assert read("POST", "Patient/1/$everything").interaction.operation == "everything"


def binary(data: str, content_type: str = "application/json-patch+json") -> bytes:
    fields = {"resourceType": "Binary", "contentType": content_type, "data": data}
    return json.dumps(fields).encode()


def test_json_patch_comes_in_a_binary() -> None:
    patch = b'[{"op":"remove","path":"/active"}]'
    request = read("PATCH", "Patient/1", binary(b64encode(patch).decode()))
    assert (request.body, request.header("content-type")) == (patch, "application/json-patch+json")


def test_fhirpath_patch_comes_as_parameters() -> None:
    patch = b'{"resourceType":"Parameters"}'
    request = read("PATCH", "Patient/1", patch)
    assert (request.body, request.header("content-type")) == (patch, "application/fhir+json")


@pytest.mark.parametrize("resource", [binary("!"), binary("e30=", "text/plain"), b"[", b"1"])
def test_unreadable_patch_is_refused(resource: bytes) -> None:
    assert refusal("PATCH", "Patient/1", resource).kind.status == 400


def search_form(*parameters: Any) -> bytes:
    return json.dumps({"resourceType": "Parameters", "parameter": list(parameters)}).encode()


def test_search_by_post_takes_its_criteria_from_parameters() -> None:
    form = search_form({"name": "name", "valueString": "a&b"}, {"name": "_count", "valueString": "2"})
    request = read("POST", "Patient/_search?gender=male", form)
    assert request.body == b"name=a%26b&_count=2"
    assert request.header("content-type") == "application/x-www-form-urlencoded"
    criteria = [(item.name, item.value) for item in request.client_search.parameters]
    assert criteria == [("gender", "male"), ("name", "a&b"), ("_count", "2")]


def test_search_by_post_may_have_criteria_in_the_url() -> None:
    request = read("POST", "Patient/_search?gender=male")
    assert (request.body, request.client_search.query) == (b"", "gender=male")


@pytest.mark.parametrize(
    "resource",
    [
        PATIENT,
        b"[]",
        search_form({"name": "name"}),
        search_form({"name": "name", "valueInteger": 3}),
        search_form({"name": "name", "valueString": "a", "valueCode": "b"}),
        search_form({"valueString": "a"}),
        search_form(1),
        b'{"resourceType":"Parameters","parameter":{}}',
    ],
)
def test_search_by_post_with_another_resource_is_refused(resource: bytes) -> None:
    assert refusal("POST", "Patient/_search", resource).kind.status == 400
