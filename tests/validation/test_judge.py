"""What is wrong is found where it is, what is right is left in peace, and no value is repeated."""

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

#: What is added to a Patient -> (path, issue type) of each finding.
PATIENTS: list[tuple[dict[str, Any], list[tuple[str, str]]]] = [
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


def found(resource: object, expected: ExpectedBody | None = None) -> tuple[Finding, ...]:
    verdict = validate_resource(json.dumps(resource).encode(), expected)
    assert verdict.unlisted_errors == 0
    return verdict.findings


def places(resource: object, expected: ExpectedBody | None = None) -> list[tuple[str, str]]:
    return [(each.path, each.code) for each in found(resource, expected)]


@pytest.mark.parametrize(("more", "wanted"), PATIENTS, ids=str)
def test_what_is_wrong_is_found_where_it_is(more: dict[str, Any], wanted: list[tuple[str, str]]) -> None:
    assert places(PATIENT | more) == wanted


@pytest.mark.parametrize("more", [each for each, _ in PATIENTS], ids=str)
def test_no_message_or_path_repeats_what_was_written(more: dict[str, Any]) -> None:
    for each in found(PATIENT | more):
        assert HIDDEN not in each.path + each.message


def test_the_name_of_an_unknown_element_stands_apart() -> None:
    assert [each.name for each in found(PATIENT | {HIDDEN: 1, "gender": "x"})] == [HIDDEN, ""]


@pytest.mark.parametrize("resource", VALID, ids=str)
def test_what_is_right_is_left_in_peace(resource: object) -> None:
    assert found(resource) == ()


@pytest.mark.parametrize(
    ("resource", "wanted"),
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
def test_other_resources_are_judged_too(resource: object, wanted: list[str] | None) -> None:
    wanted = wanted or ["MedicationRequest.medication", "MedicationRequest.subject"]
    assert sorted(path for path, _ in places(resource)) == sorted(wanted)


def test_entries_of_a_bundle_are_judged_where_they_are() -> None:
    entries: list[Any] = [{"resource": PATIENT}, {"resource": PATIENT | {"birthDate": "x"}}, {"resource": 1}]
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": entries}
    assert places(bundle) == [
        ("Bundle.entry[1].resource.birthDate", "value"),
        ("Bundle.entry[2].resource", "structure"),
    ]


def test_a_type_without_a_model_is_not_checked_and_not_wrong() -> None:
    product = {"resourceType": "MedicinalProduct", "x": 1}
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": product}]}
    for resource, path in ((product, "MedicinalProduct"), (bundle, "Bundle.entry[0].resource")):
        (finding,) = found(resource)
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
def test_faults_of_the_text_are_found(text: bytes, path: str) -> None:
    (finding,) = validate_resource(text).findings
    assert (finding.path, finding.code) == (path, "structure")


@pytest.mark.parametrize(
    ("expected", "wanted"),
    [
        (ExpectedBody("Patient"), []),
        (ExpectedBody("Patient", "1"), []),
        (ExpectedBody("Patient", "2"), [("Patient.id", "value")]),
        (ExpectedBody("Appointment"), [("Patient", "structure")]),
        (ExpectedBody("Bundle", is_batch_or_transaction=True), [("Patient", "structure")]),
    ],
)
def test_a_body_is_what_its_url_says(expected: ExpectedBody, wanted: list[tuple[str, str]]) -> None:
    assert places(PATIENT | {"id": "1"}, expected) == wanted


def test_an_update_names_its_resource() -> None:
    assert places(PATIENT, ExpectedBody("Patient", "1")) == [("Patient.id", "value")]


@pytest.mark.parametrize("kind", ["batch", "transaction", "collection"])
def test_a_bundle_that_is_carried_out_says_so(kind: str) -> None:
    bundle = {"resourceType": "Bundle", "type": kind}
    wanted = [("Bundle.type", "value")] if kind == "collection" else []
    assert places(bundle, ExpectedBody("Bundle", is_batch_or_transaction=True)) == wanted


@pytest.mark.parametrize("depth", [MAX_DEPTH, 300])
def test_deep_nesting_is_a_finding_and_no_crash(depth: int) -> None:
    extension: dict[str, Any] = {"url": URL, "valueCode": "a"}
    for _ in range(depth):
        extension = {"url": URL, "extension": [extension]}
    (finding,) = found(PATIENT | {"extension": [extension]})
    assert "nested too deeply" in finding.message
    assert finding.path.count("extension") == MAX_DEPTH


def test_findings_are_bounded_and_the_rest_is_counted() -> None:
    verdict = validate_resource(json.dumps(PATIENT | {"contact": [{}] * 100_000}).encode())
    assert (len(verdict.findings), verdict.unlisted_errors) == (MAX_FINDINGS, 100_000 - MAX_FINDINGS)


def test_what_is_not_checked_does_not_hide_errors() -> None:
    entries = [{"resource": {"resourceType": "MedicinalProduct"}}] * MAX_FINDINGS + [{"resource": {}}]
    verdict = validate_resource(
        json.dumps({"resourceType": "Bundle", "type": "collection", "entry": entries}).encode()
    )
    assert (verdict.errors, verdict.error_count) == ((), 1)


@pytest.mark.parametrize("guid", SITES)
def test_every_synthetic_record_is_valid_alone_and_in_a_bundle(guid: str) -> None:
    data = generate_practice_data(SITES[guid], EmulatorSettings(patients=40, documents=5))
    for name, records in data.items():
        resources = [each.resource for each in records]
        assert [(name, found(each)) for each in resources if found(each)] == []
        entries = [{"resource": each} for each in resources]
        assert found({"resourceType": "Bundle", "type": "collection", "entry": entries}) == ()


@pytest.mark.parametrize("path", ["gender", "contact[1].gender", "birthDate", "name[0].given[0]"])
def test_a_path_is_fhirpath(path: str) -> None:
    wrong = {"gender": "x", "contact": [{"gender": "male"}, {"gender": "x"}], "birthDate": "x"}
    resource = PATIENT | wrong | {"name": [{"given": [""]}]}
    assert f"Patient.{path}" in [each.path for each in found(resource)]
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
def test_any_json_gets_a_verdict_and_what_the_models_refuse_is_refused(
    type_: str, members: dict[str, Any]
) -> None:
    """The library is the oracle; where it meets a type that it does not know, it crashes."""
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
def test_what_no_server_can_store_is_one_finding(text: bytes, path: str) -> None:
    assert [finding.path for finding in validate_resource(text).findings] == [path]
