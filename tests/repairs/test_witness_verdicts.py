"""Witness of each repair: its verdicts on answers that show the issue, that do not, and that cannot."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.requests import GUID, SITE, fhir_request, json_response

from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest, FhirResponse
from gateway.repairs import REPAIRS, WITNESSES
from gateway.repairs.witness import observations
from gateway.upstreams.halo_failures import OFFLINE

BASE = f"https://api.haloconnect.io/integrator/sites/{GUID}/fhir/R4"
INTERNAL = f"http://10.1.2.3:8080/sites/{GUID}/fhir/R4"
INCLUDE = "_include=Appointment:patient"
#: Names that the witnesses read.
NAMES = (
    *(
        "resourceType",
        "entry",
        "link",
        "relation",
        "url",
        "fullUrl",
        "resource",
        "meta",
        "lastUpdated",
        "active",
    ),
    *("status", "verificationStatus", "coding", "code", "rest", "patchFormat", "searchParam", "interaction"),
)


def verdicts(issue: str, answer: Any, request: FhirRequest | None = None) -> dict[str, str]:
    """Verdicts on one issue by facet."""
    body = answer if isinstance(answer, FhirResponse | Failure) else json_response(answer)
    found = observations(request or fhir_request("Patient", "family=a"), body, WITNESSES)
    return {each.facet: each.verdict for each in found if each.issue == issue}


def page(*resources: dict[str, Any], links: tuple[str, ...] = (), base: str = "") -> dict[str, Any]:
    return {
        "resourceType": "Bundle",
        "type": "searchset",
        "link": [{"relation": "self", "url": url} for url in links],
        "entry": [
            {"resource": each, **({"fullUrl": f"{base}/Patient/1"} if base else {})} for each in resources
        ],
    }


def test_every_repair_but_that_of_requests_has_a_witness() -> None:
    without = {repair.issue.id for repair in REPAIRS} - {issue for issue, _ in WITNESSES}
    assert without == {"search-date-format"}


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (f"{BASE}/Patient?_page_token=x", {"": "right"}),
        (f"{BASE}?_page_token=x", {"": "right"}),
        (f"{INTERNAL}/Patient?x", {"": "broken"}),
        (f"https://api.haloconnect.io/desktop/sites/{GUID}/fhir/R4/Patient", {"": "broken"}),
        (f"/integrator/sites/{GUID}/fhir/R4/Patient?x", {"": "broken"}),
        ("?_page_token=x", {"": "broken"}),
        ("https://elsewhere.example/Patient", {}),
        ("", {}),
    ],
)
def test_link_shows_the_base_that_the_upstream_uses(url: str, expected: dict[str, str]) -> None:
    assert verdicts("link-base-url", page(links=(url,))) == expected


def test_full_url_shows_the_base_that_the_upstream_uses() -> None:
    assert verdicts("link-base-url", page({"resourceType": "Patient"}, base=BASE)) == {"": "right"}
    mixed = page({"resourceType": "Patient"}, base=INTERNAL, links=(f"{BASE}/Patient?x",))
    assert verdicts("link-base-url", mixed) == {"": "broken"}
    assert verdicts("link-base-url", {"resourceType": "Patient"}) == {}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (f"date=ge2026&{INCLUDE}", {"": "right"}),
        (INCLUDE.replace(":", "%3A"), {"": "right"}),
        ("date=ge2026", {"": "broken"}),
        ("date=ge2026&_include=Appointment:location", {"": "broken"}),
        ("_page_token=opaque", {}),
        ("", {}),
    ],
)
def test_link_shows_whether_includes_are_lost(query: str, expected: dict[str, str]) -> None:
    request = fhir_request("Appointment", f"date=ge2026&{INCLUDE}")
    assert verdicts("link-include-params", page(links=(f"{BASE}/Appointment?{query}",)), request) == expected


def test_search_without_includes_says_nothing_of_them() -> None:
    request = fhir_request("Appointment", "date=ge2026")
    assert verdicts("link-include-params", page(links=(f"{BASE}/Appointment?date=ge2026",)), request) == {}


def test_reference_shows_whether_it_is_relative_by_type() -> None:
    def patient(reference: str) -> dict[str, Any]:
        return {"resourceType": "Patient", "managingOrganization": {"reference": reference}}

    assert verdicts("reference-base-url", patient("Organization/1")) == {"Patient": "right"}
    assert verdicts("reference-base-url", patient(f"{INTERNAL}/Organization/1")) == {"Patient": "broken"}
    assert verdicts("reference-base-url", patient("https://elsewhere.example/Organization/1")) == {}
    assert verdicts("reference-base-url", {"resourceType": "Patient"}) == {}
    assert verdicts("reference-base-url", {"resourceType": "Made-up", "x": f"{INTERNAL}/x"}) == {"": "broken"}


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("2026-06-01T10:00:00Z", "right"),
        ("2026-06-01T10:00:00.1234567+00:00", "right"),
        ("2026-06-01T10:00:00+10:00", "right"),
        ("2026-01-01T10:00:00+11:00", "right"),
        ("2026-01-01T10:00:00+10:00", "broken"),
        ("2026-06-01T10:00:00", "broken"),
        ("2026-06-01T10:00:00.1234567", "broken"),
        ("2026-06-01", "broken"),
        ("yesterday", "broken"),
        ("2026-07-01T12:00:00Z", "broken"),
        ("2026-07-01T02:04:00Z", "right"),
    ],
)
def test_last_updated_shows_whether_it_is_an_instant(text: str, verdict: str) -> None:
    patient = {"resourceType": "Patient", "meta": {"lastUpdated": text}}
    assert verdicts("last-updated-offset", page(patient)) == {"Patient": verdict}
    assert verdicts("last-updated-offset", patient) == {"Patient": verdict}


def test_label_that_is_configured_as_wrong_is_never_right() -> None:
    site = replace(SITE, last_updated_input={"*": "local-labelled-utc"})
    request = fhir_request("Patient").replace(site=site)
    patient = {"resourceType": "Patient", "meta": {"lastUpdated": "2026-06-01T10:00:00Z"}}
    assert verdicts("last-updated-offset", page(patient), request) == {}


def test_error_shows_its_form_by_status() -> None:
    outcome = {"resourceType": "OperationOutcome", "issue": []}
    for body, status, verdict in ((outcome, 504, "right"), ({}, 504, "broken"), (outcome, 200, "broken")):
        failure = Failure(OFFLINE, upstream_response=json_response(body, status))
        assert verdicts("error-envelope", failure) == {str(status): verdict}
    assert verdicts("error-envelope", Failure(OFFLINE)) == {}


STATEMENT: dict[str, Any] = {
    "resourceType": "CapabilityStatement",
    "status": "active",
    "date": "2026-06-19",
    "kind": "instance",
    "fhirVersion": "4.0.1",
    "format": ["json"],
}


def statement_with(interaction: str, **changes: Any) -> dict[str, Any]:
    component = {"interaction": [{"code": interaction}], "searchParam": [{"name": "family"}]}
    return STATEMENT | {"rest": [{"resource": [component]}]} | changes


@pytest.mark.parametrize(
    ("statement", "verdict"),
    [
        (STATEMENT, "right"),
        (statement_with("search-type"), "right"),
        (statement_with("read"), "broken"),
        (STATEMENT | {"patchFormat": [""]}, "broken"),
        ({name: value for name, value in STATEMENT.items() if name != "date"}, "broken"),
    ],
)
def test_statement_shows_whether_it_is_complete(statement: dict[str, Any], verdict: str) -> None:
    assert verdicts("capability-statement", statement, fhir_request("metadata")) == {"": verdict}
    assert verdicts("capability-statement", statement, fhir_request("Patient/1")) == {}


@pytest.mark.parametrize(
    ("path", "resource"),
    [
        ("Patient", {"resourceType": "Patient", "active": False}),
        ("Location", {"resourceType": "Location", "status": "inactive"}),
        ("Observation", {"resourceType": "Observation", "status": "entered-in-error"}),
        (
            "Condition",
            {"resourceType": "Condition", "verificationStatus": {"coding": [{"code": "entered-in-error"}]}},
        ),
    ],
)
def test_found_inactive_record_is_seen_by_type(path: str, resource: dict[str, Any]) -> None:
    assert verdicts("inactive-records", page(resource), fhir_request(path)) == {path: "seen"}
    assert verdicts("inactive-records", page(resource), fhir_request("Schedule")) == {}
    assert verdicts("inactive-records", resource, fhir_request(f"{path}/1")) == {}


@pytest.mark.parametrize(
    "resource",
    [
        {"resourceType": "Patient", "active": True},
        {"resourceType": "Patient", "active": True, "contained": [{"active": False}]},
        {"resourceType": "Patient", "text": "inactive", "note": "entered-in-error"},
        {"resourceType": "Patient", "status": "inactive"},
        {"resourceType": "AllergyIntolerance", "clinicalStatus": {"coding": [{"code": "inactive"}]}},
    ],
)
def test_active_record_is_not_seen(resource: dict[str, Any]) -> None:
    assert verdicts("inactive-records", page(resource), fhir_request(resource["resourceType"])) == {}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=5),
    max_leaves=20,
)


@given(JSON, st.sampled_from(["Patient", "Patient/1", "metadata", "Location"]))
def test_no_answer_breaks_a_witness(body: Any, path: str) -> None:
    for answer in (body, {"resourceType": "Bundle", "entry": [{"resource": body}], "link": [body]}):
        observations(fhir_request(path, INCLUDE), json_response(answer), WITNESSES)


@pytest.mark.parametrize(
    "text", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "9999-12-31T23:59:59Z"]
)
def test_time_at_the_edge_of_the_calendar_is_broken(text: str) -> None:
    patient = {"resourceType": "Patient", "meta": {"lastUpdated": text}}
    assert verdicts("last-updated-offset", patient) == {"Patient": "broken"}
