"""Unusual but permitted spellings of requests and responses: none costs a client its answer."""

import gzip
import json
from typing import Any

import httpx
import pytest
from conftest import KEY, Pair

from gateway.emulator.sites import SYDNEY

FHIR = f"/integrator/sites/{SYDNEY}/fhir/R4"
JSON = {"content-type": "application/fhir+json"}
BOM = "\ufeff"
PATIENT = {
    "resourceType": "Patient",
    "name": [{"family": "Odd"}],
    "gender": "other",
    "birthDate": "1980-01-01",
}


def send(pair: Pair, method: str, path: str, headers: dict[str, str], content: bytes = b"") -> httpx.Response:
    return httpx.request(
        method, f"{pair.url}{FHIR}/{path}", headers=KEY | headers, content=content, trust_env=False
    )


def answer(pair: Pair, body: str, path: str, headers: dict[str, str] | None = None) -> httpx.Response:
    pair.fault(kind="answer", status=200, body=body, times=1, headers={"content-type": "application/json"})
    return send(pair, "GET", path, headers or {})


def created_bodies(pair: Pair) -> list[Any]:
    return [entry["body"] for entry in pair.sent() if entry["method"] == "POST"]


@pytest.mark.parametrize("content", [gzip.compress(json.dumps(PATIENT).encode(), mtime=0)])
def test_gzip_body_reaches_the_upstream_unpacked(pair: Pair, content: bytes) -> None:
    response = send(pair, "POST", "Patient", JSON | {"content-encoding": "gzip"}, content)
    assert (response.status_code, response.json()["name"]) == (201, [{"family": "Odd"}])


def test_gzip_bomb_is_too_large(pair: Pair) -> None:
    content = gzip.compress(b" " * 50_000_000)
    response = send(pair, "POST", "Patient", JSON | {"content-encoding": "gzip"}, content)
    assert (response.status_code, pair.sent()) == (413, [])


@pytest.mark.parametrize("coding", ["identity", "gzip"])
@pytest.mark.parametrize(
    ("method", "path"), [("POST", "Patient"), ("PUT", "Patient/1"), ("PATCH", "Patient/1"), ("POST", "")]
)
@pytest.mark.parametrize("media_type", ["application/fhir+json", "application/json-patch+json"])
def test_empty_body_of_a_change_is_not_sent(
    pair: Pair, media_type: str, method: str, path: str, coding: str
) -> None:
    headers = {"content-type": media_type, "content-encoding": coding}
    content = gzip.compress(b"") if coding == "gzip" else b""
    response = send(pair, method, path, headers, content)
    assert (response.status_code, "bad-body" in response.text, pair.sent()) == (400, True, [])


@pytest.mark.parametrize("coding", ["br", "deflate"])
def test_other_content_coding_is_415(pair: Pair, coding: str) -> None:
    response = send(pair, "POST", "Patient", JSON | {"content-encoding": coding}, b"{}")
    assert (response.status_code, response.headers["accept-encoding"], pair.sent()) == (415, "gzip", [])


def test_byte_order_mark_of_a_request_is_ignored(pair: Pair) -> None:
    response = send(pair, "POST", "Patient", JSON, (BOM + json.dumps(PATIENT)).encode())
    assert response.status_code == 201


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("Patient/1", '{"resourceType":"Patient","id":"1"}'),
        ("Patient?name=x", '{"resourceType":"Bundle","type":"searchset","total":0}'),
    ],
)
def test_byte_order_mark_of_a_response_is_ignored(pair: Pair, path: str, body: str) -> None:
    response = answer(pair, BOM + body, path)
    assert (response.status_code, response.json()["resourceType"]) == (200, json.loads(body)["resourceType"])


@pytest.mark.parametrize("value", ['"\\ud800"', "1e999", "-1E400", '"\\udc00\\ud800"', "123456789e987654321"])
@pytest.mark.parametrize("query", ["name=x", "birthdate=1980-01-01", "_lastUpdated=ge2020-01-01T00:00:00.5Z"])
def test_one_odd_value_costs_no_other_resource(pair: Pair, query: str, value: str) -> None:
    patients = ",".join(
        f'{{"fullUrl":"https://x.example/Patient/{number}","search":{{"mode":"match"}},"resource":'
        f'{{"resourceType":"Patient","id":"{number}","birthDate":"1980-01-01",'
        f'"meta":{{"lastUpdated":"2024-01-01T00:00:00Z"}},"odd":{value if number == 1 else 1}}}}}'
        for number in range(3)
    )
    body = f'{{"resourceType":"Bundle","type":"searchset","total":3,"entry":[{patients}]}}'
    response = answer(pair, body, f"Patient?{query}")
    assert response.status_code == 200, response.text
    assert ('"odd":"\\ufffd' if "\\u" in value else f'"odd":{value}') in response.text
    assert response.text.count('"resourceType":"Patient"') == 3


@pytest.mark.parametrize("field", ["entry", "link"])
def test_null_for_an_array_is_an_empty_bundle(pair: Pair, field: str) -> None:
    body = f'{{"resourceType":"Bundle","type":"searchset","total":0,"{field}":null}}'
    response = answer(pair, body, "Patient?name=x")
    assert (response.status_code, response.json().get("entry", [])) == (200, [])


@pytest.mark.parametrize("guid", [SYDNEY.upper(), SYDNEY[:18].upper() + SYDNEY[18:], SYDNEY.title()])
def test_guid_in_any_case_is_moved(pair: Pair, guid: str) -> None:
    url = f"https://internal.example/integrator/sites/{guid}/fhir/R4/Practitioner/1"
    body = f'{{"resourceType":"Patient","id":"1","generalPractitioner":[{{"reference":"{url}"}}]}}'
    reference = answer(pair, body, "Patient/1").json()["generalPractitioner"][0]["reference"]
    assert reference == f"{pair.url}{FHIR}/Practitioner/1"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"accept": "application/fhir+json; fhirVersion=4.0"}, 200),
        ({"accept": 'application/fhir+json; fhirVersion="4.0.1"'}, 200),
        ({"accept": "application/fhir+json; fhirVersion=5.0"}, 406),
        ({"accept": "application/fhir+json; charset=utf-8; FHIRVERSION=3.0"}, 406),
        ({"accept": "application/fhir+json; fhirVersion=5.0, application/fhir+json;q=0.5"}, 200),
    ],
)
def test_accepted_version_of_fhir_must_be_r4(pair: Pair, headers: dict[str, str], status: int) -> None:
    assert send(pair, "GET", "Patient/1", headers).status_code == status


@pytest.mark.parametrize(("version", "status"), [("4.0", 201), ("5.0", 415), ("3.0", 415)])
def test_body_must_be_r4(pair: Pair, version: str, status: int) -> None:
    headers = {"content-type": f"application/fhir+json; fhirVersion={version}"}
    assert send(pair, "POST", "Patient", headers, json.dumps(PATIENT).encode()).status_code == status


BINARY = '{"resourceType":"Binary","id":"7","contentType":"application/pdf","data":"JVBERi0="}'


@pytest.mark.parametrize(
    ("accept", "content_type", "content"),
    [
        ("application/pdf", "application/pdf", b"%PDF-"),
        ("text/html, application/pdf;q=0.5", "application/pdf", b"%PDF-"),
        ("image/png, application/fhir+json;q=0.1", "application/fhir+json; charset=utf-8", BINARY.encode()),
        ("*/*", "application/fhir+json; charset=utf-8", BINARY.encode()),
    ],
)
def test_binary_is_sent_in_a_type_that_the_client_accepts(
    pair: Pair, accept: str, content_type: str, content: bytes
) -> None:
    response = answer(pair, BINARY, "Binary/7", {"accept": accept})
    assert (response.status_code, response.headers["content-type"]) == (200, content_type)
    assert response.content == content


def test_native_content_of_a_binary_cannot_run_in_a_browser(pair: Pair) -> None:
    headers = answer(pair, BINARY, "Binary/7", {"accept": "application/pdf"}).headers
    assert (headers["content-disposition"], headers["x-content-type-options"]) == ("attachment", "nosniff")
    assert "etag" not in headers


def test_binary_of_another_type_is_406(pair: Pair) -> None:
    response = answer(pair, BINARY, "Binary/7", {"accept": "image/png"})
    assert (response.status_code, response.json()["resourceType"]) == (406, "OperationOutcome")


@pytest.mark.parametrize(
    ("accept", "status"), [("text/html", 200), ("*/*", 200), ("image/png", 406), ("xml/json", 406)]
)
def test_binary_in_the_type_of_the_upstream_cannot_run(pair: Pair, accept: str, status: int) -> None:
    page, headers = "<script>alert(1)</script>", {"content-type": "text/html"}
    pair.fault(kind="answer", status=200, body=page, times=1, headers=headers)
    response = send(pair, "GET", "Binary/7", {"accept": accept})
    assert (response.status_code, response.text == page) == (status, status == 200)
    if status == 200:
        assert response.headers["content-disposition"] == "attachment"
        assert response.headers["x-content-type-options"] == "nosniff"


def test_binary_may_be_written_in_its_own_type(pair: Pair) -> None:
    headers = {"content-type": "application/pdf"}
    pair.fault(kind="answer", status=201, body=BINARY, times=1, headers={"content-type": "application/json"})
    assert send(pair, "POST", "Binary", headers, b"\xef\xbb\xbf%PDF-").status_code == 201
    assert send(pair, "POST", "Patient", headers, b"%PDF-").status_code == 415


@pytest.mark.parametrize(
    ("host", "status"), [("gateway_1:8080", 200), ("gateway_1", 200), ("a/b", 400), ("a b", 400)]
)
def test_host_may_have_an_underscore(pair: Pair, host: str, status: int) -> None:
    assert send(pair, "GET", "Patient/1", {"host": host}).status_code == status
