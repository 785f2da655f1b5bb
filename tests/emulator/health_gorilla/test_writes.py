import pytest
from emulator.health_gorilla.gorilla_client import PATIENT, GorillaClient, new_order, new_patient

from gateway.emulator.health_gorilla.data import resource_id

PATIENTS = "/fhir/R4/Patient"
KEY = "15e72676-48c3-11ea-b77f-2e728ce88125"
AUTHORISED_BY = {
    "url": "https://api.healthgorilla.com/fhir/StructureDefinition/hg-order-authorized-by",
    "valueReference": {"display": "tl-1"},
}


def test_created_resource_is_at_its_location(gorilla: GorillaClient) -> None:
    response = gorilla.post(PATIENTS, new_patient())
    place = response.headers["location"]
    assert response.status_code == 201
    assert place == f"{gorilla.emulator.url}{PATIENTS}/{response.json()['id']}/_history/1"
    assert gorilla.get(place.partition("/_history")[0]).json() == response.json()


def test_key_makes_a_repeat_safe(gorilla: GorillaClient) -> None:
    observation = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}}
    before = gorilla.get("/fhir/R4/Observation?_count=0").json()["total"]
    first, second = (
        gorilla.post("/fhir/R4/Observation", observation, HG_Idempotency_Key=KEY) for _ in range(2)
    )
    assert (first.status_code, first.json()) == (second.status_code, second.json())
    assert first.headers["location"] == second.headers["location"]
    assert gorilla.get("/fhir/R4/Observation?_count=0").json()["total"] == before + 1


def test_key_with_another_payload_is_a_conflict(gorilla: GorillaClient) -> None:
    gorilla.post(PATIENTS, new_patient("Oneby"), HG_Idempotency_Key=KEY)
    response = gorilla.post(PATIENTS, new_patient("Twoby"), HG_Idempotency_Key=KEY)
    assert (response.status_code, response.content) == (409, b"")


def test_key_belongs_to_one_client(gorilla: GorillaClient) -> None:
    gorilla.post(PATIENTS, new_patient("Oneby"), HG_Idempotency_Key=KEY)
    other = {"HG_Idempotency_Key": KEY, "Authorization": "Bearer r4-token"}
    assert gorilla.post(PATIENTS, new_patient("Twoby"), **other).status_code == 201


IDENTIFIER = [{"system": "urn:x", "value": "HG-00001"}]


@pytest.mark.parametrize(
    ("path", "resource", "text"),
    [
        ("Patient", new_patient(identifier=IDENTIFIER), "Record with supplied ID2 already exists"),
        ("Patient", {"resourceType": "Patient"}, "The 'name' field is required."),
        ("Patient", new_patient(name=[1]), "Invalid format of a field."),
        (
            "DocumentReference",
            {
                "resourceType": "DocumentReference",
                "status": "current",
                "subject": {"reference": f"Patient/{PATIENT}"},
                "content": [{"attachment": {"contentType": "application/pdf"}}],
            },
            "Empty content attachment supplied",
        ),
        ("RequestGroup", new_order(extension=[]), "Supplied performer is unknown"),
        (
            "RequestGroup",
            new_order(
                author={"reference": "Practitioner/x"},
                extension=[*new_order()["extension"], AUTHORISED_BY],  # type: ignore[misc]
            ),
            "Supplied AuthorizedBy is unknown or cannot be used with the specified Author.",
        ),
    ],
)
def test_content_that_breaks_a_rule_gets_422(
    gorilla: GorillaClient, path: str, resource: dict[str, object], text: str
) -> None:
    response = gorilla.post(f"/fhir/R4/{path}", resource)
    assert response.status_code == 422
    assert response.json()["issue"][0]["diagnostics"] == text


def test_duplicate_is_refused_by_its_demographics(gorilla: GorillaClient) -> None:
    assert gorilla.post(PATIENTS, new_patient()).status_code == 201
    response = gorilla.post(PATIENTS, new_patient())
    assert response.status_code == 422
    assert response.json()["issue"][0]["diagnostics"] == (
        "Supplied record duplicates the existing one.;Failed to create duplicate"
    )


def test_order_with_all_that_is_required_is_created(gorilla: GorillaClient) -> None:
    extensions = [*new_order()["extension"], AUTHORISED_BY]  # type: ignore[misc]
    assert gorilla.post("/fhir/R4/RequestGroup", new_order(extension=extensions)).status_code == 201


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"resourceType": "Observation"}', b"\xff"])
def test_body_that_is_not_of_the_type_gets_400(gorilla: GorillaClient, body: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    assert gorilla.ask("POST", PATIENTS, content=body, headers=headers).status_code == 400


def test_update_replaces_and_counts_versions(gorilla: GorillaClient) -> None:
    path, headers = f"{PATIENTS}/{PATIENT}", {"Content-Type": "application/fhir+json"}
    response = gorilla.ask("PUT", path, json=new_patient(id=PATIENT), headers=headers)
    assert (response.status_code, response.json()["meta"]["versionId"]) == (200, "2")
    assert gorilla.ask("PUT", path, json=new_patient(id="other"), headers=headers).status_code == 422
    assert gorilla.ask("PUT", f"{PATIENTS}/x", json=new_patient(id="x"), headers=headers).status_code == 404


def test_reference_on_the_own_base_is_found_by_search(gorilla: GorillaClient) -> None:
    patient = resource_id("Patient", 2)
    subject = {"reference": f"{gorilla.emulator.url}{PATIENTS}/{patient}"}
    observation = {
        "resourceType": "Observation",
        "status": "final",
        "code": {"text": "x"},
        "subject": subject,
    }
    created = gorilla.post("/fhir/R4/Observation", observation).json()
    found = gorilla.get(f"/fhir/R4/Observation?patient={patient}&_count=100").json()
    assert created["id"] in [entry["resource"]["id"] for entry in found["entry"]]
