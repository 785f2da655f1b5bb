import json
from typing import Literal

import pytest
from conftest import Pair
from fhir.resources.R4B.bundle import Bundle
from support.requests import SITE, fhir_request

from gateway.errors.failure import Failure
from gateway.errors.operation_outcome import operation_outcome
from gateway.repairs.inactive_records import INACTIVE_CODES, empty_searchset, reject_inactive_search

INACTIVE_SEARCHES = [
    ("Patient", "active=false"),
    ("Patient", "name=a&active=true,false"),
    ("Patient", "active:not=true"),
    ("Practitioner", "active=http://terminology.hl7.org/CodeSystem/special-values|false"),
    ("Schedule", "active=|false"),
    ("Location", "status=inactive"),
    ("Location", "status:not=active"),
    ("Appointment", "patient.active=false"),
    ("Appointment", "actor:Patient.active:not=true"),
    ("Appointment", "location:Location.status=inactive"),
    ("Practitioner", "_has:PractitionerRole:practitioner:active=false"),
    ("Observation", "status=final,entered-in-error"),
    ("AllergyIntolerance", "verification-status=entered-in-error"),
    ("Patient", "active=FALSE"),
    ("Patient", "active=False"),
    ("Patient", "active=%20false"),
    ("Patient", "active=false%20"),
    ("Patient", "active=|%20False"),
    ("Patient", "active=0"),
    ("Patient", "active=no"),
    ("Patient", "active=true,%20FALSE"),
    ("Patient", "active:not=TRUE"),
    ("Patient", "active:not=1"),
    ("Appointment", "patient.active=False"),
    ("Location", "status=Inactive"),
    ("Observation", "status=final,%20Entered-In-Error"),
    ("Practitioner", "_has:PractitionerRole:practitioner:active:not=true"),
    ("Practitioner", "_has:Appointment:actor:patient.active=false"),
]
NO_BOOLEANS = [
    "active=TRUE",
    "active=true%20",
    "active=1",
    "active=maybe",
    "active=%20",
    "active=|",
    "active:not=FALSE",
    "active:not=x",
]
ACTIVE_SEARCHES = [
    ("Patient", "active=true"),
    ("Patient", "active:not=false"),
    ("Patient", "active:missing=false"),
    ("Patient", "active:missing=FALSE"),
    ("Patient", "active=|true"),
    ("Patient", "active=true,"),
    ("Patient", "active="),
    ("Patient", "name=false&address=inactive"),
    ("Location", "status=suspended"),
    ("AllergyIntolerance", "clinical-status=inactive"),
    ("Condition", "clinical-status=resolved,inactive"),
    ("Appointment", "status=cancelled"),
    ("Appointment", "status:not=entered-in-error"),
    ("Medication", "status=entered-in-error"),
    ("Patient", "_has=x"),
]


@pytest.mark.parametrize(("kind", "query"), INACTIVE_SEARCHES)
@pytest.mark.parametrize("path", ["", "/_search"])
def test_search_for_inactive_records_is_rejected(kind: str, query: str, path: str) -> None:
    form = {"form": query} if path else {}
    with pytest.raises(Failure) as error:
        reject_inactive_search(
            fhir_request(f"{kind}{path}", "" if path else query, "POST" if path else "GET", **form)
        )
    issue = operation_outcome(error.value)["issue"][0]
    assert (error.value.kind.status, issue["code"]) == (400, "not-supported")
    assert "inactive" in issue["details"]["text"]
    assert "false" not in json.dumps(issue)


@pytest.mark.parametrize("query", NO_BOOLEANS)
@pytest.mark.parametrize("mode", ["refuse", "empty"])
def test_value_that_is_no_boolean_code_is_rejected(query: str, mode: Literal["refuse", "empty"]) -> None:
    """An upstream that finds nothing by it would give a clean empty Bundle."""
    site = type(SITE)(SITE.guid, SITE.zone, inactive_records=mode)
    with pytest.raises(Failure) as error:
        reject_inactive_search(fhir_request("Patient", query, site=site))
    assert "true or false" in str(operation_outcome(error.value)["issue"][0]["details"]["text"])


@pytest.mark.parametrize(("kind", "query"), ACTIVE_SEARCHES)
def test_search_for_active_records_passes(kind: str, query: str) -> None:
    request = fhir_request(kind, query)
    assert reject_inactive_search(request) is request
    assert empty_searchset(request) is None


@pytest.mark.parametrize(("kind", "query"), INACTIVE_SEARCHES)
def test_empty_mode_returns_searchset_with_warning(kind: str, query: str) -> None:
    request = fhir_request(kind, query, site=type(SITE)(SITE.guid, SITE.zone, inactive_records="empty"))
    assert reject_inactive_search(request) is request
    response = empty_searchset(request)
    assert response is not None
    bundle = Bundle.model_validate_json(response.body)
    assert bundle.total is None
    assert bundle.entry[0].search.mode == "outcome"
    assert bundle.entry[0].resource.issue[0].code == "incomplete"


def test_reads_and_creates_pass() -> None:
    assert empty_searchset(fhir_request("Patient/1", "active=false")) is None
    assert (
        reject_inactive_search(fhir_request("Patient", "active=false", "POST")).interaction.code == "create"
    )


def test_table_contains_only_r4_types() -> None:
    from gateway.fhir.resource_types import RESOURCE_TYPES

    assert {kind for kind, _ in INACTIVE_CODES} - {"*"} <= RESOURCE_TYPES


def is_repaired(pair: Pair, straight: bool) -> bool:
    response = (pair.straight if straight else pair.get)("Patient?active=false")
    return response.status_code == 400 or bool(response.json()["total"])
