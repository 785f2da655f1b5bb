"""Responses about another resource or patient than the one that was named; unknown is not wrong."""

from typing import Any

import msgspec
import pytest
from support.requests import fhir_request

from gateway.exchange import START, Position
from gateway.upstreams.patient_check import names_other_patient

SITE = "sites/0a1b2c3d-0000-4000-8000-00000000000a/fhir/R4"
OURS, UPSTREAMS = f"https://gw.example/integrator/{SITE}", f"https://internal:8080/{SITE}"


def ref(reference: str) -> dict[str, str]:
    return {"reference": reference}


def observation(subject: Any, **fields: Any) -> dict[str, Any]:
    return {"resourceType": "Observation", "id": "5", "subject": subject, **fields}


def bundle(*resources: dict[str, Any], mode: str = "match", type_: str = "searchset") -> bytes:
    search = {"search": {"mode": mode}} if mode else {}
    entries = [{"resource": resource, **search} for resource in resources]
    return msgspec.json.encode({"resourceType": "Bundle", "type": type_, "entry": entries})


def is_wrong(line: str, body: bytes) -> bool:
    path, _, query = line.partition("?")
    return names_other_patient(fhir_request(path, query), body)


#: Searches of whose matches a linked patient may be an include, or whose type it does not have.
LINKED = ("Patient?_id=1&_include=Patient:link", "Patient?_id=1&_revinclude=*")
PATIENT_1, PATIENT_2 = ({"resourceType": "Patient", "id": id_} for id_ in ("1", "2"))


@pytest.mark.parametrize(
    "name",
    [
        *("patient=Patient/1", "patient=1", "subject=Patient/1", "subject=1", "subject:Patient=1"),
        *("patient._id=1", "subject:Patient._id=1", f"patient={OURS}/Patient/1", "patient:Patient=1"),
        *(f"subject={UPSTREAMS}/Patient/1", "patient=1,3", "patient=Patient/1/_history/4"),
        "code=x&patient=1&_elements=code",
    ],
)
@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        ("Patient/2", True),
        ("Patient/1", False),
        ("Patient/1/_history/9", False),
        ("Patient/2/_history/9", True),
        (f"{OURS}/Patient/2", True),
        (f"{UPSTREAMS}/Patient/2", True),
        (f"{UPSTREAMS}/Patient/1", False),
        ("https://other.example/fhir/Patient/2", False),
        ("#contained", False),
        ("urn:uuid:00000000-0000-4000-8000-000000000002", False),
    ],
)
def test_match_of_another_patient_is_wrong(name: str, subject: str, expected: bool) -> None:
    assert is_wrong(f"Observation?{name}", bundle(observation(ref(subject)))) is expected


@pytest.mark.parametrize(
    "subject", [{"identifier": {"value": "2"}}, {"display": "B"}, None, [], "Patient/2", {"reference": 7}]
)
def test_match_without_known_reference_is_not_wrong(subject: Any) -> None:
    assert not is_wrong("Observation?patient=1", bundle(observation(subject, note="Patient/2")))


@pytest.mark.parametrize(
    ("line", "resource", "expected"),
    [
        ("Patient?_id=1", PATIENT_2, True),
        ("Patient?_id=1,2", PATIENT_2, False),
        ("Patient?_id=a", {"resourceType": "Patient", "id": "A"}, True),
        ("Observation?patient=a", observation(ref("Patient/A")), True),
        ("Observation?_id=6", observation(ref("Patient/1")), True),
        ("Patient?_id=1", {"resourceType": "Patient"}, False),
        ("Coverage?beneficiary=1", {"resourceType": "Coverage", "beneficiary": ref("Patient/2")}, True),
        ("Coverage?patient=1", {"resourceType": "Coverage", "beneficiary": ref("Patient/2")}, True),
        (
            "Patient?link=1",
            {"resourceType": "Patient", "id": "3", "link": [{"other": ref("Patient/2")}]},
            True,
        ),
        ("Observation?patient:identifier=1", observation(ref("Patient/2")), False),
        ("Observation?subject:missing=true", observation(ref("Patient/2")), False),
        ("Observation?patient.name=1", observation(ref("Patient/2")), False),
        ("Observation?subject=Group/1", observation(ref("Group/1"), focus=[ref("Patient/2")]), False),
        ("Observation?patient=https://other.example/Patient/1", observation(ref("Patient/2")), False),
        ("Observation?patient=1&subject=2", observation(ref("Patient/1")), True),
    ],
)
def test_criteria_name_patients_in_several_ways(line: str, resource: dict[str, Any], expected: bool) -> None:
    assert is_wrong(line, bundle(resource)) is expected


@pytest.mark.parametrize(
    ("actors", "expected"),
    [
        (["Practitioner/3", "Patient/2"], True),
        (["Practitioner/3", "Patient/2", "Patient/1"], False),
        (["Practitioner/3"], False),
        (["Patient/2", "#x"], False),
    ],
)
def test_one_participant_is_enough(actors: list[str], expected: bool) -> None:
    appointment = {"resourceType": "Appointment", "participant": [{"actor": ref(actor)} for actor in actors]}
    for name in ("actor=Patient/1", "patient=1"):
        assert is_wrong(f"Appointment?{name}", bundle(appointment)) is expected


@pytest.mark.parametrize("mode", ["include", "outcome", "match", "", 5])
def test_mode_hides_no_patient_that_no_include_can_give(mode: Any) -> None:
    assert is_wrong("Patient?_id=1", bundle(PATIENT_2, mode=mode))
    assert is_wrong("Observation?patient=1", bundle(observation(ref("Patient/2")), mode=mode))


@pytest.mark.parametrize("id_", [2, None, {"value": "1"}])
def test_id_that_is_no_string_is_wrong(id_: Any) -> None:
    assert is_wrong("Patient?_id=1", bundle({"resourceType": "Patient", "id": id_}))
    assert is_wrong("Patient/1/_history", bundle({"resourceType": "Patient", "id": id_}, type_="history"))
    other = observation(ref("Patient/2"), id=id_)
    assert is_wrong("Observation?patient=1", bundle(other))


@pytest.mark.parametrize(
    ("actors", "expected"),
    [
        ([ref("Patient/2"), ref("Practitioner/1")], True),
        ([ref("Patient/2"), {"display": "Room 3"}], True),
        ([ref("Patient/2"), ref("https://o.example/fhir/Location/3")], True),
        ([ref("Patient/2"), ref("https://o.example/fhir/Patient/3")], False),
        ([ref("Patient/2"), {"identifier": {"value": "1"}}], False),
        ([ref("Patient/2"), ref("#contained")], False),
        ([{"display": "Room 3"}], False),
    ],
)
def test_only_an_actor_that_may_be_the_patient_is_unknown(actors: list[Any], expected: bool) -> None:
    appointment = {"resourceType": "Appointment", "participant": [{"actor": actor} for actor in actors]}
    assert is_wrong("Appointment?patient=1", bundle(appointment)) is expected


@pytest.mark.parametrize("reference", ["Patient\\u002f2", "\\u0050atient/2", "Patient\\/2"])
def test_escape_hides_no_patient(reference: str) -> None:
    body = bundle(observation(ref("@"))).replace(b"@", reference.encode())
    assert is_wrong("Observation?patient=1", body)


def test_operation_with_search_criteria_is_judged_as_a_search() -> None:
    for patient, expected in (("1", False), ("2", True)):
        body = bundle(observation(ref(f"Patient/{patient}")))
        assert is_wrong("Observation/$lastn?patient=1", body) is expected


def test_huge_number_is_no_reason_to_refuse() -> None:
    body = bundle(observation(ref("Patient/1"), note="Patient/2")).replace(b'"5"', b'"5","odd":1e999')
    assert not is_wrong("Observation?patient=1", body)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("Patient?_id=1", True),
        ("Patient?_id=1&_include=Patient:link", True),
        ("Patient?_id=1&_include=Patient:link:RelatedPerson", True),
        ("Patient?_id=1&_include=Patient:general-practitioner", True),
        ("Patient?_id=1&_revinclude=Observation:subject", True),
        ("Patient?_id=1&_revinclude=*", True),
        ("Observation?_id=1", False),
    ],
)
def test_entry_without_mode_must_be_a_match_or_an_include(line: str, expected: bool) -> None:
    assert is_wrong(line, bundle(PATIENT_2, mode="")) is expected
    linked = {**PATIENT_1, "link": [{"other": ref("Patient/2")}]}
    assert is_wrong(line, bundle(linked, PATIENT_2, mode="")) is (expected and line not in LINKED)


def test_history_of_another_resource_is_wrong() -> None:
    body = bundle(PATIENT_1, PATIENT_1, type_="history")
    assert not is_wrong("Patient/1/_history", body)
    assert is_wrong("Patient/2/_history", body)
    assert not is_wrong("Patient/_history", body)


@pytest.mark.parametrize(
    ("resources", "expected"),
    [
        ((PATIENT_1, observation(ref("Patient/1"))), False),
        ((PATIENT_2,), True),
        ((PATIENT_2, observation(ref("Patient/2"))), True),
        ((observation(ref("Patient/2")),), True),
        ((PATIENT_1, observation(ref("Patient/2"))), True),
        ((PATIENT_1 | {"link": [{"other": ref("Patient/2")}]}, PATIENT_2), False),
        ((PATIENT_1, PATIENT_2), True),
        (
            (
                PATIENT_1,
                {
                    "resourceType": "List",
                    "entry": [{"item": ref("Observation/5")}],
                    "subject": ref("Patient/1"),
                },
                observation(ref("Patient/2")),
            ),
            False,
        ),
        ((PATIENT_1, observation(ref("https://other.example/Patient/2"))), False),
        ((PATIENT_1, {"resourceType": "Practitioner", "id": "3"}), False),
    ],
)
def test_everything_of_another_patient_is_wrong(
    resources: tuple[dict[str, Any], ...], expected: bool
) -> None:
    assert is_wrong("Patient/1/$everything", bundle(*resources, mode="")) is expected


@pytest.mark.parametrize(
    ("resources", "expected"),
    [
        ((PATIENT_2,), False),
        ((observation(ref("Patient/2")), observation(ref("Patient/1"))), False),
        ((observation(ref("Patient/2")),), True),
        ((observation(ref("https://other.example/Patient/2")),), False),
    ],
)
@pytest.mark.parametrize("is_first", [True, False])
def test_page_of_everything_may_lack_the_patient(
    resources: tuple[dict[str, Any], ...], expected: bool, is_first: bool
) -> None:
    page = msgspec.json.decode(bundle(*resources, mode=""))
    position = START if is_first else Position(upstream_link="/Patient?page=2")
    links = [{"relation": "next", "url": "?page=3"}] if is_first else []
    request = fhir_request("Patient/1/$everything").with_plan(position=position)
    assert names_other_patient(request, msgspec.json.encode(page | {"link": links})) is expected


def test_everything_that_is_another_patient_alone_is_wrong() -> None:
    assert is_wrong("Patient/1/$everything", msgspec.json.encode(PATIENT_2))


@pytest.mark.parametrize("body", [b'{"entry":[{"resource":{"id":"Patient/2"', b"[]", b'{"entry":[7]}'])
def test_unreadable_body_is_wrong(body: bytes) -> None:
    assert is_wrong("Patient?_id=1", body)
