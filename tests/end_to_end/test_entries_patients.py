"""Searches and reads whose response is about another patient: refused, not cached, nothing of it shown."""

from typing import Any

import pytest
from end_to_end.failing_gateway import BASE, FailingGateway, checked_issue, error_code


def searchset(*resources: dict[str, Any], mode: str = "match", type_: str = "searchset") -> dict[str, Any]:
    entries = [
        {"fullUrl": f"https://internal.example{BASE}/{resource['resourceType']}/{resource['id']}",
         "resource": resource} | ({"search": {"mode": mode}} if mode else {})
        for resource in resources
    ]  # fmt: skip
    return {"resourceType": "Bundle", "type": type_, "entry": entries}


def observation(subject: str) -> dict[str, Any]:
    return {"resourceType": "Observation", "id": "5", "subject": {"reference": subject, "display": "Zzyzx"}}


PATIENT_2 = {"resourceType": "Patient", "id": "2", "name": [{"family": "Zzyzx"}]}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("Patient?_id=1", searchset(PATIENT_2)),
        ("Patient?_id=1", searchset(PATIENT_2, mode="")),
        ("Patient?_id=b", searchset(PATIENT_2 | {"id": "B"})),
        ("Observation?patient=1", searchset(observation("Patient/2"))),
        ("Observation?subject:Patient=1", searchset(observation(f"http://fhir-engine{BASE}/Patient/2"))),
        ("Patient/1/_history", searchset(PATIENT_2, mode="", type_="history")),
        ("Patient/1/$everything", searchset(PATIENT_2, mode="")),
        ("Patient/A", {"resourceType": "Patient", "id": "a", "name": [{"family": "Zzyzx"}]}),
    ],
)
def test_response_about_another_patient_is_refused(
    gateway: FailingGateway, path: str, body: dict[str, Any]
) -> None:
    gateway.pair.fault(kind="answer", status=200, body=body)
    response = gateway.ask("GET", f"{BASE}/{path}")
    assert error_code(checked_issue(response, 502)) == "upstream-not-fhir"
    assert "Zzyzx" not in response.text


def test_form_search_is_checked_as_well(gateway: FailingGateway) -> None:
    gateway.pair.fault(kind="answer", status=200, body=searchset(observation("Patient/2")))
    form = {"content-type": "application/x-www-form-urlencoded", "ocp-apim-subscription-key": "demo-key"}
    response = gateway.ask(
        "POST", f"{BASE}/Observation/_search", content=b"patient=Patient%2F1", headers=form
    )
    assert error_code(checked_issue(response, 502)) == "upstream-not-fhir"


def test_later_page_is_checked_as_well(gateway: FailingGateway) -> None:
    first = searchset(observation("Patient/1"))
    first["link"] = [{"relation": "next", "url": f"https://internal.example{BASE}/Observation?token=a"}]
    gateway.pair.fault(kind="answer", status=200, body=first, times=1)
    gateway.pair.fault(kind="answer", status=200, body=searchset(observation("Patient/2")))
    page = gateway.ask("GET", f"{BASE}/Observation?patient=1").json()
    url = next(link["url"] for link in page["link"] if link["relation"] == "next")
    response = gateway.ask("GET", url.removeprefix(gateway.url))
    assert error_code(checked_issue(response, 502)) == "upstream-not-fhir"


def test_right_patient_with_unknown_references_passes(gateway: FailingGateway) -> None:
    body = searchset(observation("https://other.example/fhir/Patient/2"), observation("Patient/1"))
    gateway.pair.fault(kind="answer", status=200, body=body)
    assert gateway.ask("GET", f"{BASE}/Observation?patient=1").status_code == 200
