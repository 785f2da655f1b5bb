"""Validation finds errors at their path, accepts valid resources and repeats no value."""

import json
from importlib import import_module
from typing import Any

import pytest
from fhirpathpy import evaluate
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from gateway.emulator.data.practice_data import generate_practice_data
from gateway.emulator.settings import EmulatorSettings
from gateway.emulator.sites import SITES
from gateway.validation.definitions import type_definition
from gateway.validation.finding import Finding
from gateway.validation.judge import MAX_DEPTH, MAX_FINDINGS, ExpectedBody, validate_resource

PATIENT = {"resourceType": "Patient"}
OBSERVATION = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}}
URL = "http://x.example"
HIDDEN = "Zzyzx"

#: Members added to a Patient -> (path, issue type) of each finding.
INVALID_MEMBERS: list[tuple[dict[str, Any], list[tuple[str, str]]]] = [
    ({"gender": HIDDEN}, [("Patient.gender", "code-invalid")]),
    ({"gender": "Male"}, [("Patient.gender", "code-invalid")]),
    ({"active": "true"}, [("Patient.active", "value")]),
    ({HIDDEN: 1}, [("Patient", "structure")]),
    ({"active__ext": {"id": "a"}}, [("Patient", "structure")]),
    ({"resource_type": "Patient"}, [("Patient", "structure")]),
    ({"fhir_comments": HIDDEN}, [("Patient", "structure")]),
    ({"_name": [{"id": "a"}]}, [("Patient", "structure")]),
    (
        {"contact": [{"gender": "male"}, {"gender": 5}, {}]},
        [("Patient.contact[1].gender", "value"), ("Patient.contact[2]", "structure")],
    ),
    ({"name": {"family": HIDDEN}}, [("Patient.name", "structure")]),
    ({"name": HIDDEN}, [("Patient.name", "structure")]),
    ({"name": [HIDDEN]}, [("Patient.name[0]", "structure")]),
    ({"name": []}, [("Patient.name", "structure")]),
    ({"name": None}, [("Patient.name", "structure")]),
    ({"name": [None]}, [("Patient.name[0]", "structure")]),
    ({"name": [{"given": [""]}]}, [("Patient.name[0].given[0]", "value")]),
    ({"name": [{"given": [None, "b"]}]}, [("Patient.name[0].given[0]", "structure")]),
    ({"name": [{"given": [None], "_given": [None]}]}, [("Patient.name[0].given[0]", "structure")]),
    ({"name": [{"given": "b"}]}, [("Patient.name[0].given", "structure")]),
    ({"name": [{"resourceType": "HumanName"}]}, [("Patient.name[0]", "structure")]),
    ({"maritalStatus": [{"text": "x"}]}, [("Patient.maritalStatus", "structure")]),
    ({"maritalStatus": {}}, [("Patient.maritalStatus", "structure")]),
    ({"birthDate": "1980-02-30"}, [("Patient.birthDate", "value")]),
    ({"_birthDate": {HIDDEN: 1}}, [("Patient.birthDate", "structure")]),
    ({"_birthDate": {"extension": [{"url": URL}]}}, [("Patient.birthDate.extension[0]", "invariant")]),
    ({"id": HIDDEN + "_"}, [("Patient.id", "value")]),
    ({"meta": {"lastUpdated": "2026-01-01"}}, [("Patient.meta.lastUpdated", "value")]),
    ({"deceasedBoolean": True, "deceasedDateTime": "2020"}, [("Patient.deceased", "structure")]),
    ({"deceasedBoolean": 1}, [("Patient.deceased", "value")]),
    ({"multipleBirthInteger": 2.0}, [("Patient.multipleBirth", "value")]),
    ({"link": [{"type": "seealso"}]}, [("Patient.link[0].other", "required")]),
    ({"text": {"status": "generated"}}, [("Patient.text.div", "required")]),
    ({"extension": [{"url": URL, "valueCodeableReference": {}}]}, [("Patient.extension[0]", "structure")]),
    ({"contained": [{"resourceType": HIDDEN}]}, [("Patient.contained[0]", "structure")]),
    ({"contained": [{"id": "a"}]}, [("Patient.contained[0]", "required")]),
    ({"contained": [{"resourceType": "Ingredient"}]}, [("Patient.contained[0]", "structure")]),
    ({"contained": [PATIENT | {"gender": "x"}]}, [("Patient.contained[0].gender", "code-invalid")]),
    (
        {"contained": [PATIENT | {"contained": [PATIENT]}]},
        [("Patient.contained[0].contained", "invariant")],
    ),
]
VALID: list[dict[str, Any]] = [
    PATIENT,
    PATIENT | {"_birthDate": {"extension": [{"url": URL, "valueCode": "unknown"}]}},
    PATIENT | {"name": [{"given": ["a", None], "_given": [None, {"id": "x"}]}]},
    PATIENT | {"name": [{"given": [None], "_given": [{"extension": [{"url": URL, "valueUrl": "x"}]}]}]},
    PATIENT | {"_gender": {"id": "a"}, "gender": "other", "birthDate": "1980", "language": "en-AU"},
    PATIENT | {"extension": [{"url": URL, "valueMeta": {"versionId": "1"}}]},
    PATIENT | {"extension": [{"url": URL, "extension": [{"url": "a", "_valueString": {"id": "x"}}]}]},
    PATIENT | {"link": [{"other": {"reference": "Patient/2"}, "_type": {"id": "x"}}]},
    OBSERVATION | {"valueQuantity": {"value": 10**30 + 0.5, "comparator": "<"}},
    OBSERVATION | {"status": "entered-in-error", "valueBoolean": False},
    {"resourceType": "Basic", "code": {"coding": [{"code": "any code"}]}},
    {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": PATIENT}]},
    {"resourceType": "Parameters", "parameter": [{"name": "a", "resource": PATIENT}]},
    {"resourceType": "Encounter", "status": "unknown", "class": {"code": "AMB"}},
]


def findings(resource: object, expected_body: ExpectedBody | None = None) -> tuple[Finding, ...]:
    result = validate_resource(json.dumps(resource).encode(), expected_body)
    assert result.unlisted_errors == 0
    return result.findings


def paths_and_codes(resource: object, expected_body: ExpectedBody | None = None) -> list[tuple[str, str]]:
    return [(finding.path, finding.code) for finding in findings(resource, expected_body)]


@pytest.mark.parametrize(("members", "expected"), INVALID_MEMBERS, ids=str)
def test_finding_has_path_of_invalid_member(members: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    assert paths_and_codes(PATIENT | members) == expected


@pytest.mark.parametrize("members", [members for members, _ in INVALID_MEMBERS], ids=str)
def test_no_message_or_path_repeats_client_text(members: dict[str, Any]) -> None:
    for finding in findings(PATIENT | members):
        assert HIDDEN not in finding.path + finding.message


def test_name_of_unknown_element_is_a_separate_field() -> None:
    assert [finding.name for finding in findings(PATIENT | {HIDDEN: 1, "gender": "x"})] == [HIDDEN, ""]


@pytest.mark.parametrize("resource", VALID, ids=str)
def test_valid_resource_has_no_finding(resource: object) -> None:
    assert findings(resource) == ()


@pytest.mark.parametrize(
    ("resource", "paths"),
    [
        ({"resourceType": "Observation", "status": "+"}, ["Observation.status", "Observation.code"]),
        (OBSERVATION | {"valueQuantity": {"comparator": "~"}}, ["Observation.value.comparator"]),
        ({"resourceType": "MedicationRequest", "status": "active", "intent": "order"}, None),
        ({"resourceType": "Patient", "resourceType ": 1}, ["Patient"]),
        ({"resourceType": "patient"}, ["Resource"]),
        ({"resourceType": "DomainResource"}, ["Resource"]),
        ({"resourceType": ["Patient"]}, ["Resource"]),
        ({}, ["Resource"]),
        ([], ["Resource"]),
        (None, ["Resource"]),
        ("Patient", ["Resource"]),
    ],
)
def test_invalid_resources_of_other_types_have_findings(resource: object, paths: list[str] | None) -> None:
    paths = paths or ["MedicationRequest.medication", "MedicationRequest.subject"]
    assert sorted(finding.path for finding in findings(resource)) == sorted(paths)


def test_findings_in_bundle_have_path_of_entry() -> None:
    entries: list[Any] = [{"resource": PATIENT}, {"resource": PATIENT | {"birthDate": "x"}}, {"resource": 1}]
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": entries}
    assert paths_and_codes(bundle) == [
        ("Bundle.entry[1].resource.birthDate", "value"),
        ("Bundle.entry[2].resource", "structure"),
    ]


def test_type_without_model_is_reported_as_information() -> None:
    product = {"resourceType": "MedicinalProduct", "x": 1}
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": product}]}
    for resource, path in ((product, "MedicinalProduct"), (bundle, "Bundle.entry[0].resource")):
        (finding,) = findings(resource)
        assert (finding.path, finding.severity) == (path, "information")


@pytest.mark.parametrize(
    ("text", "path"),
    [
        (b'{"resourceType":"Patient","id":"1","id":"2"}', "Patient"),
        (b'{"resourceType":"Patient","name":[{"text":"a","text":"a"}]}', "Patient.name[0]"),
        (b"{", "Resource"),
        (b"\xff", "Resource"),
    ],
)
def test_invalid_json_text_has_finding(text: bytes, path: str) -> None:
    (finding,) = validate_resource(text).findings
    assert (finding.path, finding.code) == (path, "structure")


@pytest.mark.parametrize(
    ("expected_body", "expected"),
    [
        (ExpectedBody("Patient"), []),
        (ExpectedBody("Patient", "1"), []),
        (ExpectedBody("Patient", "2"), [("Patient.id", "value")]),
        (ExpectedBody("Appointment"), [("Patient", "structure")]),
        (ExpectedBody("Bundle", is_batch_or_transaction=True), [("Patient", "structure")]),
    ],
)
def test_body_is_checked_against_url(expected_body: ExpectedBody, expected: list[tuple[str, str]]) -> None:
    assert paths_and_codes(PATIENT | {"id": "1"}, expected_body) == expected


def test_update_requires_id_in_body() -> None:
    assert paths_and_codes(PATIENT, ExpectedBody("Patient", "1")) == [("Patient.id", "value")]


@pytest.mark.parametrize("kind", ["batch", "transaction", "collection"])
def test_bundle_for_server_must_be_batch_or_transaction(kind: str) -> None:
    bundle = {"resourceType": "Bundle", "type": kind}
    expected = [("Bundle.type", "value")] if kind == "collection" else []
    assert paths_and_codes(bundle, ExpectedBody("Bundle", is_batch_or_transaction=True)) == expected


@pytest.mark.parametrize("depth", [MAX_DEPTH, 300])
def test_deep_nesting_is_a_finding(depth: int) -> None:
    extension: dict[str, Any] = {"url": URL, "valueCode": "a"}
    for _ in range(depth):
        extension = {"url": URL, "extension": [extension]}
    (finding,) = findings(PATIENT | {"extension": [extension]})
    assert "nested too deeply" in finding.message
    assert finding.path.count("extension") == MAX_DEPTH


def test_errors_beyond_maximum_findings_are_counted() -> None:
    result = validate_resource(json.dumps(PATIENT | {"contact": [{}] * 100_000}).encode())
    assert (len(result.findings), result.unlisted_errors) == (MAX_FINDINGS, 100_000 - MAX_FINDINGS)


def test_unchecked_resources_do_not_hide_errors() -> None:
    entries = [{"resource": {"resourceType": "MedicinalProduct"}}] * MAX_FINDINGS + [{"resource": {}}]
    result = validate_resource(
        json.dumps({"resourceType": "Bundle", "type": "collection", "entry": entries}).encode()
    )
    assert (result.errors, result.error_count) == ((), 1)


@pytest.mark.parametrize("guid", SITES)
def test_synthetic_records_are_valid_alone_and_in_bundle(guid: str) -> None:
    data = generate_practice_data(SITES[guid], EmulatorSettings(patients=40, documents=5))
    for name, records in data.items():
        resources = [record.resource for record in records]
        assert [(name, findings(resource)) for resource in resources if findings(resource)] == []
        entries = [{"resource": resource} for resource in resources]
        assert findings({"resourceType": "Bundle", "type": "collection", "entry": entries}) == ()


@pytest.mark.parametrize("path", ["gender", "contact[1].gender", "birthDate", "name[0].given[0]"])
def test_path_is_fhirpath(path: str) -> None:
    members = {"gender": "x", "contact": [{"gender": "male"}, {"gender": "x"}], "birthDate": "x"}
    resource = PATIENT | members | {"name": [{"given": [""]}]}
    assert f"Patient.{path}" in [finding.path for finding in findings(resource)]
    assert evaluate(resource, f"Patient.{path}", []) in (["x"], [""])


_ATOMS = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
)
_TYPES = ("Patient", "Observation", "Bundle", "Parameters", "Questionnaire")
_NAMES = sorted(
    {"resourceType", "x"}
    | {name for type_ in (*_TYPES, "Extension") for name in type_definition(type_).elements}
)
_JSON = st.recursive(
    _ATOMS | st.sampled_from(_TYPES),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_NAMES), inner, max_size=4),
)


@given(st.sampled_from(_TYPES), st.dictionaries(st.sampled_from(_NAMES), _JSON, max_size=5))
def test_any_json_that_models_reject_has_errors(type_: str, members: dict[str, Any]) -> None:
    """The models of fhir.resources are the oracle; a type unknown to them raises another exception."""
    text = json.dumps(members | {"resourceType": type_})
    errors = validate_resource(text.encode()).error_count
    assert (
        validate_resource(
            text.encode(), ExpectedBody("Bundle", "1", is_batch_or_transaction=True)
        ).error_count
        >= errors
    )
    model = getattr(import_module(f"fhir.resources.R4B.{type_.lower()}"), type_)
    try:
        model.model_validate_json(text)
    except (ValidationError, KeyError, TypeError, AttributeError):
        assert errors


@pytest.mark.parametrize(
    ("text", "path"),
    [
        (b'{"resourceType":"Patient","name":[{"given":[null],"_given":[null]}]}', "Patient.name[0].given[0]"),
        (b'{"resourceType":"Patient","name":[{"_given":[null]}]}', "Patient.name[0].given[0]"),
        (b'{"resourceType":"Patient","name":[{"family":"a\\u0000b"}]}', "Patient.name[0].family"),
        (b'{"resourceType":"Patient","name":[{"family":"\\ud800"}]}', "Patient.name[0].family"),
    ],
)
def test_value_that_servers_cannot_store_is_one_finding(text: bytes, path: str) -> None:
    assert [finding.path for finding in validate_resource(text).findings] == [path]
