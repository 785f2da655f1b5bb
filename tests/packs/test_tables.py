"""R4's tables for packs."""

import json
from importlib.resources import files

import pytest

from gateway.fhir.resource_types import RESOURCE_TYPES
from gateway.packs.tables import codes_of, judged_parameter

CONCEPT = "CodeableConcept"
TABLE = json.loads(files("gateway.packs").joinpath("r4.json").read_bytes())


@pytest.mark.parametrize(
    ("type_", "code", "expected"),
    [
        ("Patient", "gender", ("token", [("gender", "code")])),
        ("Patient", "name", ("string", [("name", "HumanName")])),
        ("Patient", "organization", ("reference", [("managingOrganization", "Reference")])),
        ("Observation", "value-concept", ("token", [("valueCodeableConcept", "CodeableConcept")])),
        ("Observation", "combo-code", ("token", [("code", CONCEPT), ("component.code", CONCEPT)])),
        ("Patient", "_tag", ("token", [("meta.tag", "Coding")])),
        ("Patient", "birthdate", ("date", [])),
    ],
)  # fmt: skip
def test_parameter_is_judged_by_the_elements_of_r4(
    type_: str, code: str, expected: tuple[str, list[tuple[str, str]]]
) -> None:
    judged = judged_parameter(type_, code)
    assert judged is not None
    assert (judged.type, [(".".join(each.path), each.type) for each in judged.elements]) == expected


@pytest.mark.parametrize(
    ("type_", "code"),
    [("Patient", "phone"), ("Patient", "phonetic"), ("Patient", "death"), ("Condition", "onset-age"),
     ("Patient", "nonsense"), ("Observation", "code-value-quantity"), ("Patient", "deceased")],
)  # fmt: skip
def test_parameter_that_needs_more_than_a_comparison_is_not_judged(type_: str, code: str) -> None:
    assert judged_parameter(type_, code) is None


def test_codes_have_the_system_that_r4_binds() -> None:
    """Without one, or with several, a criterion with a system cannot be judged."""

    def systems(type_: str, code: str) -> set[str]:
        judged = judged_parameter(type_, code)
        assert judged
        return {element.system for element in judged.elements}

    assert systems("Patient", "gender") == {"http://hl7.org/fhir/administrative-gender"}
    assert systems("Appointment", "part-status") == {"http://hl7.org/fhir/participationstatus"}
    assert systems("Task", "intent") == systems("Condition", "severity") == {""}


def test_codes_are_those_of_required_bindings() -> None:
    assert codes_of("Patient", "gender") == {"female", "male", "other", "unknown"}
    assert "mobile" in codes_of("Patient", "telecom.use")
    assert codes_of("Patient", "birthDate") == frozenset()
    assert codes_of("Nonsense", "gender") == frozenset()


def test_table_names_resource_types_and_known_kinds() -> None:
    assert {*TABLE["criteria"], *TABLE["codes"]} <= RESOURCE_TYPES | {"Resource", "DomainResource"}
    rows = [row for codes in TABLE["criteria"].values() for row in codes.values()]
    assert len(rows) > 500
    assert {row[0] for row in rows} == {"token", "reference", "string"}
