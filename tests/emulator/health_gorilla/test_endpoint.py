import httpx
import pytest
from emulator.health_gorilla.gorilla_client import ASYNC, PATIENT, GorillaClient
from support.stopwatch import Stopwatch


@pytest.mark.parametrize("path", ["/fhir", "/fhir/", "/fhir/R4/", "/fhir/R4//Patient"])
def test_incomplete_url_gets_400_without_a_message(gorilla: GorillaClient, path: str) -> None:
    response = gorilla.get(path)
    assert (response.status_code, response.content) == (400, b"")


@pytest.mark.parametrize("token", ["Bearer x", "Basic demo-token", ""])
def test_unknown_token_gets_401(gorilla: GorillaClient, token: str) -> None:
    response = gorilla.get(f"/fhir/R4/Patient/{PATIENT}", Authorization=token)
    assert response.status_code == 401
    assert response.json()["issue"][0]["diagnostics"] == "Invalid Token"
    assert response.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize(
    ("token", "path", "status"),
    [
        ("r4-token", "/fhir/R4/Patient", 200),
        ("r4-token", "/fhir/Patient", 403),
        ("stu3-token", "/fhir/R4/Patient", 403),
        ("stu3-token", "/fhir/Patient", 200),
    ],
)
def test_client_may_use_its_version_only(gorilla: GorillaClient, token: str, path: str, status: int) -> None:
    response = gorilla.get(path, Authorization=f"Bearer {token}")
    assert response.status_code == status
    if status == 403:
        assert "Insufficient access rights" in response.text


def test_type_without_a_licence_gets_403(gorilla: GorillaClient) -> None:
    assert gorilla.get("/fhir/R4/Coverage").json()["issue"][0]["diagnostics"] == (
        "Tenant has no license to execute this method."
    )


def test_www_host_is_rejected(gorilla: GorillaClient) -> None:
    response = gorilla.get("/fhir/R4/Patient", Host="www.healthgorilla.com")
    assert (response.status_code, response.text) == (404, "rejected_www-request")


@pytest.mark.parametrize("path", ["/", "/other", "/fhir/R4/Nonsense", "/fhir/R4/Patient/unknown"])
def test_unknown_path_gets_404(gorilla: GorillaClient, path: str) -> None:
    assert gorilla.get(path).status_code == 404


def test_response_has_the_ids_of_a_request(gorilla: GorillaClient) -> None:
    headers = gorilla.get("/fhir/R4/Patient", **{"X-Request-Id": "mine-1"}).headers
    assert headers["x-request-id"] == headers["x-correlation-id"] == "mine-1"
    assert len(headers["x-hg-request-id"]) == 24
    headers = gorilla.get("/fhir/R4/Patient").headers
    assert headers["x-correlation-id"] == headers["x-hg-request-id"]
    assert "x-request-id" not in headers


def test_public_url_is_the_host_of_links(gorilla: GorillaClient) -> None:
    gorilla.settings(public_url="https://sandbox.healthgorilla.com")
    bundle = gorilla.get("/fhir/R4/Patient").json()
    assert bundle["link"][0]["url"] == "https://sandbox.healthgorilla.com/fhir/R4/Patient"


def test_synchronous_call_over_the_limit_gets_504(gorilla: GorillaClient) -> None:
    gorilla.settings(sync_seconds=0.1)
    gorilla.fault(kind="delay", delay=5)
    with Stopwatch() as wait:
        response = gorilla.get("/fhir/R4/Patient")
    assert (response.status_code, response.text) == (504, "Gateway Timeout")
    assert wait.seconds < 3


def test_asynchronous_call_has_no_time_limit(gorilla: GorillaClient) -> None:
    gorilla.settings(sync_seconds=0.1)
    gorilla.fault(kind="delay", delay=0.3)
    assert gorilla.get("/fhir/R4/Patient", **ASYNC).status_code == 202


def test_temporary_link_needs_no_token_until_it_expires(gorilla: GorillaClient) -> None:
    fresh = download_link(gorilla)
    response = httpx.get(fresh, trust_env=False)
    assert (response.status_code, response.headers["content-type"]) == (200, "application/pdf")
    assert response.content.startswith(b"%PDF")
    gorilla.settings(link_seconds=0)
    response = httpx.get(download_link(gorilla), trust_env=False)
    assert (response.status_code, response.content) == (454, b"")
    assert httpx.get(fresh + "0", trust_env=False).status_code == 404
    assert httpx.post(fresh, trust_env=False).headers["allow"] == "GET, HEAD"


def download_link(gorilla: GorillaClient) -> str:
    document = gorilla.get("/fhir/R4/DocumentReference?_count=1").json()["entry"][0]["resource"]
    url: str = document["content"][1]["attachment"]["url"]
    assert url.startswith(f"{gorilla.emulator.url}/download/")
    return url


def test_head_has_no_body(gorilla: GorillaClient) -> None:
    response = gorilla.ask("HEAD", f"/fhir/R4/Patient/{PATIENT}")
    assert (response.status_code, response.content) == (200, b"")
