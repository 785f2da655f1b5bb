import pytest
from emulator.health_gorilla.gorilla_client import (
    FHIR_JSON,
    PATIENT,
    R4,
    STU3_BASE,
    GorillaClient,
    new_patient,
)

from gateway.emulator.health_gorilla.data import RESOURCE_TYPES, resource_id


@pytest.mark.parametrize("base", [R4, STU3_BASE])
@pytest.mark.parametrize("name", [*RESOURCE_TYPES, "metadata"])
def test_every_resource_is_judged_at_both_bases(gorilla: GorillaClient, base: str, name: str) -> None:
    response = gorilla.get(f"{base}/{name}")
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("application/fhir+json")


@pytest.mark.parametrize("base", [R4, STU3_BASE])
def test_bundle_has_absolute_urls_on_its_host(gorilla: GorillaClient, base: str) -> None:
    entry = gorilla.get(f"{base}/DocumentReference").json()["entry"][0]
    url, resource = f"{gorilla.emulator.url}{base}", entry["resource"]
    assert entry["fullUrl"] == f"{url}/DocumentReference/{resource['id']}"
    assert resource["subject"]["reference"] == f"{url}/Patient/{PATIENT}"
    assert resource["content"][0]["attachment"]["url"] == f"{url}/Binary/{resource_id('Binary', 1)}"


def test_binary_is_content_or_resource_by_accept(gorilla: GorillaClient) -> None:
    path = f"{R4}/Binary/{resource_id('Binary', 1)}"
    content = gorilla.get(path)
    assert content.headers["content-type"] == "application/pdf"
    assert content.content.startswith(b"%PDF-1.4")
    assert gorilla.get(path, Accept="application/fhir+json").json()["contentType"] == "application/pdf"


def test_search_by_post_finds_the_same(gorilla: GorillaClient) -> None:
    response = gorilla.ask("POST", f"{R4}/Patient/_search", data={"family": "Zzyzx"})
    assert response.json()["total"] == gorilla.get(f"{R4}/Patient?family=Zzyzx").json()["total"] > 0


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", "Practitioner/x"),
        ("POST", "DiagnosticReport"),
        ("DELETE", "Patient/x"),
        ("PATCH", "Patient/x"),
    ],
)
def test_other_method_gets_405_with_those_allowed(gorilla: GorillaClient, method: str, path: str) -> None:
    response = gorilla.ask(method, f"{R4}/{path}", headers=FHIR_JSON, content=b"{}")
    assert response.status_code == 405
    assert response.headers["allow"].startswith("GET, HEAD")


@pytest.mark.parametrize("media_type", ["text/plain", "application/fhir+xml", ""])
@pytest.mark.parametrize(("method", "path"), [("POST", "Patient"), ("PUT", f"Patient/{PATIENT}")])
def test_other_media_type_gets_415(gorilla: GorillaClient, media_type: str, method: str, path: str) -> None:
    response = gorilla.ask(method, f"{R4}/{path}", headers={"Content-Type": media_type}, content=b"{}")
    assert (response.status_code, response.content) == (415, b"")


def test_conditional_create_returns_the_existing_resource(gorilla: GorillaClient) -> None:
    response = gorilla.post(f"{R4}/Patient", new_patient(), If_None_Exist="identifier=HG-00001")
    assert (response.status_code, response.json()["id"]) == (200, PATIENT)
    assert gorilla.post(f"{R4}/Patient", new_patient(), If_None_Exist="identifier=x").status_code == 201


def test_subscription_to_asynchronous_results_is_accepted(gorilla: GorillaClient) -> None:
    channel = {
        "type": "rest-hook",
        "endpoint": "https://example.com/hook",
        "payload": "application/fhir+json",
    }
    response = gorilla.post(
        f"{R4}/Subscription",
        {
            "resourceType": "Subscription",
            "status": "active",
            "reason": "results",
            "criteria": "OperationOutcome?async=true",
            "channel": channel,
        },
    )
    assert response.status_code == 201
    assert response.json()["criteria"] == "OperationOutcome?async=true"
