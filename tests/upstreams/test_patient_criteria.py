"""Criteria that name resources by their ids."""

import pytest
from support.requests import fhir_request

from gateway.upstreams.patient_criteria import ResourceName, id_criteria, may_name_patient, resource_name

OTHER_SITE = "https://gw.example/integrator/sites/0a1b2c3d-0000-4000-8000-00000000000b/fhir/R4"


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ("Patient/1", ResourceName("Patient", "1")),
        (f"{fhir_request().upstream_base}/Patient/a.B-1", ResourceName("Patient", "a.B-1")),
        (f"{fhir_request().public_base}/Patient/1/_history/2", ResourceName("Patient", "1")),
        (f"{OTHER_SITE}/Patient/1", None),
        ("Patient/1/2", None),
        ("Patient?identifier=1", None),
        ("#p", None),
        ("urn:uuid:1", None),
        ("", None),
    ],
)
def test_only_references_to_this_site_are_known(reference: str, expected: ResourceName | None) -> None:
    assert resource_name(fhir_request(), reference) == expected


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("_id=1, 2", {"Patient/1", "Patient/2"}),
        ("_id=", None),
        ("_id:missing=true", None),
        (r"_id=a\,b", None),
        ("name=1", None),
    ],
)
def test_ids_of_a_list_are_one_criterion(query: str, expected: set[str] | None) -> None:
    criteria = id_criteria(fhir_request("Patient", query))
    assert ({f"{value.type}/{value.id}" for value in criteria[0].values} if criteria else None) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("patient", True),
        ("subject:Patient.name", True),
        ("patient.identifier", True),
        ("_id", True),
        ("identifier:of-type", True),
        ("performer", True),
        ("encounter", False),
        ("code", False),
        ("_has:Provenance:target:agent", False),
    ],
)
def test_parameter_that_selects_by_patient_is_recognised(name: str, expected: bool) -> None:
    assert may_name_patient("Observation", name) is expected
