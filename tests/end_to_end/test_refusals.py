"""Bad input: an R4 OperationOutcome and no upstream request."""

import socket
from urllib.parse import urlsplit

import httpx
import pytest
from conftest import KEY, Pair
from fhir.resources.R4B.operationoutcome import OperationOutcome

from gateway.emulator.sites import SYDNEY

FHIR = f"/integrator/sites/{SYDNEY}/fhir/R4"
JSON = {"content-type": "application/fhir+json"}
FORM = {"content-type": "application/x-www-form-urlencoded"}


def outcome_of(response: httpx.Response, status: int) -> OperationOutcome:
    assert response.status_code == status, response.text
    assert response.headers["content-type"].startswith("application/fhir+json")
    return OperationOutcome.model_validate_json(response.text)


@pytest.mark.parametrize(
    ("method", "path", "headers", "content", "status"),
    [
        ("GET", "/nowhere", {}, b"", 404),
        ("GET", f"{FHIR}/Patient/1/2/3", {}, b"", 404),
        ("GET", f"{FHIR}/Unknown/1", {}, b"", 404),
        ("GET", f"{FHIR}/$Nonsense/1", {}, b"", 404),
        ("DELETE", f"{FHIR}/Patient", {}, b"", 405),
        ("PUT", f"{FHIR}/metadata", {}, b"", 405),
        ("GET", f"{FHIR}/Patient/_search", {}, b"", 405),
        ("POST", "/livez", {}, b"", 405),
        ("GET", f"{FHIR}/Patient?_format=xml", {}, b"", 406),
        ("GET", f"{FHIR}/Patient", {"accept": "application/fhir+xml"}, b"", 406),
        ("POST", f"{FHIR}/Patient", {"content-type": "application/fhir+xml"}, b"<Patient/>", 415),
        ("POST", f"{FHIR}/Patient/_search", JSON, b"{}", 415),
        ("POST", f"{FHIR}/Patient", JSON, b'{"resourceType":', 400),
        ("POST", f"{FHIR}/Patient", JSON, b"[]", 400),
        ("POST", f"{FHIR}/Patient/_search", FORM, b"name=\xff", 400),
        ("POST", f"{FHIR}/Patient", JSON, b" " * 2_000_001, 413),
        ("GET", f"{FHIR}/Patient?name={'a' * 16_001}", {}, b"", 414),
        ("GET", "/integrator/sites/not-a-guid/fhir/R4/Patient", {}, b"", 400),
        ("GET", "/integrator/sites/not-a-guid", {}, b"", 400),
        ("GET", f"{FHIR}/Patient/%zz", {}, b"", 400),
        ("GET", f"{FHIR}/Patient?birthdate=2023-02-29", {}, b"", 400),
        ("GET", f"{FHIR}/Patient?birthdate=xx2023", {}, b"", 400),
        ("GET", f"{FHIR}/Patient?_count=-1", {}, b"", 400),
        ("GET", f"{FHIR}/Patient?_count=many", {}, b"", 400),
        ("GET", f"{FHIR}/Patient?birthdate:exact=2023", {}, b"", 400),
    ],
)
def test_bad_input_is_rejected_without_a_query(
    pair: Pair, method: str, path: str, headers: dict[str, str], content: bytes, status: int
) -> None:
    response = httpx.request(method, pair.url + path, headers=KEY | headers, content=content, trust_env=False)
    outcome = outcome_of(response, status)
    assert outcome.issue[0].details.text
    assert response.headers["cache-status"] == "halo-gateway; detail=local"
    assert pair.sent() == []


def test_wrong_method_gets_the_allowed_methods(pair: Pair) -> None:
    response = pair.ask("DELETE", f"{pair.base()}/Patient")
    assert response.headers["allow"] == "GET, HEAD, PATCH, POST, PUT"


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        (f"{FHIR}/metadata", {}),
        (f"{FHIR}/Patient", {"ocp-apim-subscription-key": ""}),
        (f"/desktop/sites/{SYDNEY}/fhir/R4/Patient", {"authorization": "Bearer x"}),
        (f"/desktop/sites/{SYDNEY}/fhir/R4/Patient", {"ocp-apim-subscription-key": "demo-key"}),
        ("/fhir/R4/Patient", {}),
        ("/integrator/sites", {}),
    ],
)
def test_request_without_credentials_gets_401(pair: Pair, path: str, headers: dict[str, str]) -> None:
    outcome = outcome_of(httpx.get(pair.url + path, headers=headers, trust_env=False), 401)
    assert outcome.issue[0].code == "login"
    assert pair.sent() == []


@pytest.mark.parametrize(
    "target",
    [
        f"{FHIR}/../../../../integrator/sites",
        f"{FHIR}/Patient/%2e%2e/%2e%2e/x",
        f"{FHIR}/Patient%2f1",
        f"{FHIR}//evil.example/Patient",
        f"http://evil.example{FHIR}/%2e%2e",
        f"{FHIR}/Patient/1\\..\\x",
        f"{FHIR}/Patient/1;a=b",
    ],
)
def test_path_traversal_never_reaches_the_upstream(pair: Pair, target: str) -> None:
    # Sent over a socket, because client libraries normalise paths.
    parts = urlsplit(pair.url)
    with socket.create_connection((parts.hostname, parts.port)) as connection:
        head = (
            f"GET {target} HTTP/1.1",
            "Host: gw",
            "Ocp-Apim-Subscription-Key: demo-key",
            "Connection: close",
        )
        connection.sendall("\r\n".join((*head, "", "")).encode())
        response = b"".join(iter(lambda: connection.recv(65536), b""))
    assert response.split(b" ")[1] in {b"400", b"404"}
    assert pair.sent() == []


def test_invalid_host_is_rejected(pair: Pair) -> None:
    outcome_of(pair.get("Patient", Host="evil.example/path"), 400)
    assert pair.sent() == []
