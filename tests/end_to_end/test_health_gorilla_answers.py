"""What Health Gorilla may answer besides resources, over real sockets: jobs, manifests, files, redirects."""

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

import httpx
import pytest
from end_to_end.failing_gateway import checked_issue, error_code, run_gateway
from support.echo_upstream import EchoUpstream

from gateway.settings import Settings

TOKEN = {"authorization": "Bearer t-1"}
FHIR_JSON = "application/fhir+json"
BUNDLE = b'{"resourceType":"Bundle","type":"searchset","entry":[]}'
PATIENT = b'{"resourceType":"Patient","id":"1"}'
LINES = b'{"resourceType":"Patient","id":"1"}\n{"resourceType":"Patient","id":"2"}\n'
PDF = b"%PDF-1.7\n\x00\xff\xfe"


class Gateway(NamedTuple):
    url: str
    upstream: EchoUpstream
    client: httpx.Client

    def ask(self, path: str, method: str = "GET", **headers: str) -> httpx.Response:
        return self.client.request(method, f"{self.url}{path}", headers=TOKEN | headers)


@pytest.fixture(scope="module")
def running() -> Iterator[Gateway]:
    with EchoUpstream() as upstream:
        mounts = {
            "labs": {
                "url": f"{upstream.url}/fhir/R4",
                "dialect": "health-gorilla",
                "path": "/labs",
                "cache": {"profile": "cautious"},
            },
            "fhir": {
                "url": f"{upstream.url}/fhir",
                "dialect": "health-gorilla",
                "path": "/FHIR",
                "fhir_version": "3.0",
            },
            "tickets": {"url": f"{upstream.url}/api", "dialect": "halo-itsm", "path": "/itsm"},
        }
        sections: dict[str, Any] = {
            "upstreams": mounts,
            "retry": {"max_wait_seconds": 1, "budget_ratio": 0, "budget_min_per_hour": 0},
            "circuit_breaker": {"initial_open_seconds": 0.001, "max_open_seconds": 0.002},
        }
        with (
            run_gateway(Settings.model_validate(sections)) as url,
            httpx.Client(trust_env=False, timeout=30) as client,
        ):
            yield Gateway(url, upstream, client)


@pytest.fixture
def gateway(running: Gateway) -> Gateway:
    running.upstream.reset()
    return running


@pytest.mark.parametrize("field", ["content-location", "location"])
@pytest.mark.parametrize(
    ("path", "method"),
    [
        ("/labs/Patient/1", "GET"),
        ("/labs/Patient/1", "HEAD"),
        ("/labs/Patient?name=x", "GET"),
        ("/labs/Patient/1/_history", "GET"),
        ("/labs/Binary/1", "GET"),
        ("/labs/metadata", "GET"),
        ("/FHIR/Patient?name=x", "GET"),
    ],
)
def test_job_that_no_client_asked_for_is_passed_on(
    gateway: Gateway, path: str, method: str, field: str
) -> None:
    gateway.upstream.respond(b"", {field: f"{gateway.upstream.url}/fhir/RequestResult/9"}, "202 Accepted")
    for count in (1, 2):  # nothing of it is stored
        response = gateway.ask(path, method)
        mount = "/labs/~/fhir" if path.startswith("/labs") else "/FHIR"
        assert (response.status_code, response.headers[field], response.content) == (
            202,
            f"{gateway.url}{mount}/RequestResult/9",
            b"",
        )
        assert response.headers["cache-control"] == "no-store"
        assert len(gateway.upstream.requests) == count


@pytest.mark.parametrize(
    ("fields", "body"),
    [
        ({}, b""),
        ({"location": "/fhir/RequestResult/9", "content-type": "text/html"}, b"<html>Wait</html>"),
        ({"location": "/fhir/RequestResult/9"}, b'{"resourceType":"OperationOutcome","issue":[]}'),
    ],
)
def test_202_without_a_job_stays_an_error(gateway: Gateway, fields: dict[str, str], body: bytes) -> None:
    gateway.upstream.respond(body, fields, "202 Accepted")
    checked_issue(gateway.ask("/labs/Patient/1"), 502)


@pytest.mark.parametrize(
    ("content_type", "body"), [("text/plain", b"accepted"), ("application/json", b'{"id":"9"}')]
)
def test_text_of_a_job_does_not_lose_it(gateway: Gateway, content_type: str, body: bytes) -> None:
    fields = {"location": f"{gateway.upstream.url}/fhir/RequestResult/9", "content-type": content_type}
    gateway.upstream.respond(body, fields, "202 Accepted")
    response = gateway.ask("/labs/Patient/1")
    assert (response.status_code, response.content) == (202, body)


@pytest.mark.parametrize("accept", ["*/*", "application/json", FHIR_JSON, "application/fhir+ndjson"])
@pytest.mark.parametrize(
    "path",
    ["/labs/RequestResult/1", "/labs/~/fhir/RequestResult/1", "/labs/$export", "/FHIR/RequestResult/1"],
)
def test_manifest_is_passed_on_with_its_urls_mapped(gateway: Gateway, path: str, accept: str) -> None:
    origin = gateway.upstream.url
    manifest = {
        "transactionTime": "2026-01-01T00:00:00Z",
        "request": f"{origin}/fhir/R4/$export",
        "requiresAccessToken": True,
        "output": [{"type": "Patient", "url": f"{origin}/bulk/1"}],
        "error": [{"type": "OperationOutcome", "url": f"{origin}/bulk/2"}],
    }
    gateway.upstream.respond(json.dumps(manifest).encode(), {"content-type": "application/json"})
    response = gateway.ask(path, accept=accept)
    assert (response.status_code, response.headers["content-type"]) == (200, "application/json")
    mount = gateway.url + path[:5]
    own = {
        "request": f"{mount}/$export" if path.startswith("/labs") else f"{mount}/~/fhir/R4/$export",
        "output": [{"type": "Patient", "url": f"{mount}/~/bulk/1"}],
        "error": [{"type": "OperationOutcome", "url": f"{mount}/~/bulk/2"}],
    }
    assert response.json() == manifest | own


@pytest.mark.parametrize(
    "body", [b'{"error":"Broken"}', b'{"message":"x"}', b"{}", b'[{"output":[]}]', b'{"output":[{]}']
)
def test_other_json_of_a_job_stays_an_error(gateway: Gateway, body: bytes) -> None:
    gateway.upstream.respond(body, {"content-type": "application/json"})
    checked_issue(gateway.ask("/labs/RequestResult/1"), 502)


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/fhir+ndjson", LINES),
        ("application/fhir+ndjson", PATIENT),
        ("application/ndjson", LINES),
        ("application/pdf", PDF),
        ("text/csv", b"a,b\n"),
        ("application/xml", b"<ClinicalDocument/>"),
    ],
)
@pytest.mark.parametrize(
    "path", ["/labs/RequestResult/1", "/labs/~/fhir/RequestResult/1", "/labs/Binary/1/$download"]
)
def test_files_of_jobs_keep_their_media_type(
    gateway: Gateway, path: str, content_type: str, body: bytes
) -> None:
    gateway.upstream.respond(body, {"content-type": content_type})
    for accept in ("*/*", FHIR_JSON):
        response = gateway.ask(path, accept=accept)
        assert (response.status_code, response.headers["content-type"], response.content) == (
            200,
            content_type,
            body,
        )
        assert response.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("accept", ["application/pdf", "application/fhir+ndjson"])
def test_client_may_ask_for_the_file_of_a_job(gateway: Gateway, accept: str) -> None:
    gateway.upstream.respond(PDF, {"content-type": accept})
    assert gateway.ask("/labs/RequestResult/1", accept=accept).content == PDF
    assert gateway.upstream.requests[0].headers["accept"] == accept
    gateway.upstream.respond(BUNDLE, {"content-type": FHIR_JSON})
    response = gateway.ask("/labs/RequestResult/1", accept=accept)
    assert (response.status_code, response.headers["content-type"].partition(";")[0]) == (200, FHIR_JSON)


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("text/html", b"<p>Sign in"),
        ("application/octet-stream", b"\n<!DOCTYPE html><html></html>"),
        ("text/plain", b"no healthy upstream"),
        ("application/pdf", b""),
        ("application/fhir+xml", b"<Patient/>"),
    ],
)
def test_page_of_a_proxy_is_no_file(gateway: Gateway, content_type: str, body: bytes) -> None:
    gateway.upstream.respond(body, {"content-type": content_type})
    checked_issue(gateway.ask("/labs/RequestResult/1"), 502)
    checked_issue(gateway.ask("/labs/Patient/1"), 502)


@pytest.mark.parametrize("content_type", ["text/plain", "text/plain; charset=utf-8", None])
@pytest.mark.parametrize(("path", "body"), [("Patient", BUNDLE), ("RequestResult/1", BUNDLE)])
def test_resource_with_a_wrong_type_is_fhir_json(
    gateway: Gateway, path: str, body: bytes, content_type: str | None
) -> None:
    link = f'"link":[{{"relation":"self","url":"{gateway.upstream.url}/fhir/R4/Patient"}}],"entry"'
    gateway.upstream.respond(
        body.replace(b'"entry"', link.encode()), {"content-type": content_type} if content_type else {}
    )
    response = gateway.ask(f"/labs/{path}", **{"cache-control": "no-store"})
    assert response.headers["content-type"].partition(";")[0] == FHIR_JSON
    assert response.json()["link"][0]["url"] == f"{gateway.url}/labs/Patient"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_redirection_of_a_download_is_the_clients_to_follow(
    gateway: Gateway, method: str, status: int
) -> None:
    targets = {
        "https://storage.example/a?sig=1": "https://storage.example/a?sig=1",
        f"{gateway.upstream.url}/files/2": f"{gateway.url}/labs/~/files/2",
        f"{gateway.upstream.url}/fhir/R4/Binary/2": f"{gateway.url}/labs/Binary/2",
    }
    for sent, received in targets.items():
        gateway.upstream.requests.clear()
        gateway.upstream.respond(b"", {"location": sent}, f"{status} Elsewhere")
        response = gateway.ask("/labs/~/files/1", method)
        assert (response.status_code, response.headers["location"]) == (status, received)
        assert len(gateway.upstream.requests) == 1


@pytest.mark.parametrize(
    ("method", "path", "fields"),
    [
        ("GET", "/labs/Patient/1", {"location": "https://storage.example/a"}),
        ("GET", "/labs/~/files/1", {}),
        ("POST", "/labs/~/files", {"location": "https://storage.example/a"}),
        ("GET", "/itsm/Tickets", {"location": "https://login.example/"}),
    ],
)
def test_other_redirection_is_an_error(
    gateway: Gateway, method: str, path: str, fields: dict[str, str]
) -> None:
    gateway.upstream.respond(b"", fields, "302 Found")
    checked_issue(gateway.ask(path, method), 504 if method == "POST" else 502)


@pytest.mark.parametrize(("mount", "version", "other"), [("labs", "4.0", "3.0"), ("FHIR", "3.0", "4.0")])
def test_refused_version_names_the_one_that_is_served(
    gateway: Gateway, mount: str, version: str, other: str
) -> None:
    named = f"{FHIR_JSON}; fhirVersion={other}"
    response = gateway.ask(f"/{mount}/Patient/1", accept=named)
    assert f"fhirVersion={version}" in checked_issue(response, 406)["details"]["text"]
    response = gateway.client.put(
        f"{gateway.url}/{mount}/Patient/1", content=PATIENT, headers=TOKEN | {"content-type": named}
    )
    assert f"fhirVersion={version}" in checked_issue(response, 415)["details"]["text"]


@pytest.mark.parametrize("count", ["101", "99999999999999999999", "0000000000101"])
def test_any_large_count_becomes_the_vendors_maximum(gateway: Gateway, count: str) -> None:
    gateway.upstream.respond(BUNDLE, {"content-type": FHIR_JSON})
    assert gateway.ask(f"/labs/Patient?_count={count}").status_code == 200
    assert gateway.upstream.requests[-1].target == "/fhir/R4/Patient?_count=100"
    checked_issue(gateway.ask("/labs/Patient?_count=x"), 400)


def test_missing_credential_is_the_one_of_the_upstream(gateway: Gateway) -> None:
    issue = checked_issue(gateway.client.get(f"{gateway.url}/labs/Patient"), 401)
    assert error_code(issue) == "credentials-missing"
    assert "Authorization: Bearer" in issue["details"]["text"]
    assert "Ocp-Apim" not in issue["details"]["text"]


@pytest.mark.parametrize("path", ["/labs/~/oauth/token", "/itsm/auth/token"])
def test_refusal_of_a_token_endpoint_gets_no_challenge(gateway: Gateway, path: str) -> None:
    body = b'{"error":"invalid_client"}'
    gateway.upstream.respond(body, {"content-type": "application/json"}, "401 Unauthorized")
    response = gateway.client.post(f"{gateway.url}{path}", data={"grant_type": "x"})
    assert (response.status_code, response.content) == (401, body)
    assert "www-authenticate" not in response.headers


@pytest.mark.parametrize(
    ("status", "text", "words", "client_status"),
    [
        (422, "Record with supplied ID2 MRN55512 already exists", "which is unique in a tenant", 409),
        (422, "Patient with this identifier 7-1 already exists", "which is unique in a tenant", 409),
        (422, "Supplied performer f-388 is unknown", "The performer of the", 422),
        (422, "Supplied AuthorizedBy tl-7 is unknown", "The AuthorizedBy of the", 422),
        (400, "Subject jdoe validation failed", "The subject (sub)", 401),
        (400, "Invalid request: subject Patient/1 validation failed", "The request has a form", 400),
    ],
)
def test_value_inside_a_documented_text_hides_no_rule(
    gateway: Gateway, status: int, text: str, words: str, client_status: int
) -> None:
    outcome = {
        "resourceType": "OperationOutcome",
        "issue": [{"severity": "error", "code": "processing", "diagnostics": text}],
    }
    gateway.upstream.respond(json.dumps(outcome).encode(), {"content-type": FHIR_JSON}, f"{status} No")
    issue = checked_issue(gateway.ask("/labs/Patient/1"), client_status)
    assert words in issue["details"]["text"]


def test_parameter_with_a_number_is_named_to_its_client(gateway: Gateway) -> None:
    outcome = {
        "resourceType": "OperationOutcome",
        "issue": [{"severity": "error", "diagnostics": "Invalid request: unknown parameters [[name2]]"}],
    }
    gateway.upstream.respond(json.dumps(outcome).encode(), {"content-type": FHIR_JSON}, "400 Bad Request")
    issue = checked_issue(gateway.ask("/labs/Patient?name2=Zzyzx"), 400)
    assert "[[name2]]" in issue["diagnostics"]
    assert "Zzyzx" not in str(issue)


@pytest.mark.parametrize("status", [400, 418, 460])
@pytest.mark.parametrize("body", [b'{"fault":{"x":1}}', b"[1]", PATIENT])
@pytest.mark.parametrize("path", ["/labs/Patient/1", "/itsm/Tickets"])
def test_refusal_in_any_shape_is_the_vendors(gateway: Gateway, path: str, body: bytes, status: int) -> None:
    gateway.upstream.respond(body, {"content-type": "application/json"}, f"{status} No")
    response = gateway.ask(path, accept=FHIR_JSON)
    issue = checked_issue(response, 502 if status == 418 else 400)
    assert error_code(issue) == ("upstream-4xx" if status == 460 else "upstream-status")
