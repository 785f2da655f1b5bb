import json
from typing import Any

import pytest
from fhir.resources.R4B.capabilitystatement import CapabilityStatement
from msgspec import Raw
from support.requests import SITE, fhir_request

from gateway.fhir.bundle import Entry
from gateway.repairs import REPAIRS
from gateway.repairs.capability_statement import make_repair

ACTIVE = next(each for each in REPAIRS if each.issue.id == "capability-statement")
REQUEST = fhir_request("metadata")
BROKEN: dict[str, Any] = {
    "resourceType": "CapabilityStatement",
    "id": SITE.guid,
    "version": "24.527.2795.0",
    "name": "RestServer",
    "status": "active",
    "kind": "instance",
    "implementation": {"description": "Halo FHIR Server", "url": "https://haloconnect.io"},
    "fhirVersion": "4.0.1",
    "format": ["application/fhir+json", "xml"],
    "patchFormat": [""],
    "_extra": {"x": 1.50},
    "rest": [
        {
            "mode": "server",
            "resource": [
                {
                    "type": "Patient",
                    "interaction": [{"code": "read", "documentation": "by id"}, {"code": "search-system"}],
                    "searchParam": [
                        {"name": "birthdate", "type": "date"},
                        {"name": "family", "type": "string"},
                    ],
                },
                {"type": "Binary", "interaction": [{"code": "read"}]},
            ],
            "interaction": [{"code": "batch"}, {"code": "search-system"}],
        }
    ],
}


def mended(statement: dict[str, Any] = BROKEN) -> dict[str, Any]:
    entry = given(Entry({"resource": Raw(json.dumps(statement).encode())}))
    found: dict[str, Any] = json.loads(bytes(entry.fields["resource"]))
    return found


def given(entry: Entry) -> Entry:
    assert ACTIVE.entry is not None
    return ACTIVE.entry(REQUEST, entry)


def test_its_faults_are_mended_and_the_result_is_valid_r4() -> None:
    new = mended()
    assert "patchFormat" not in new
    assert (new["date"], new["kind"]) == ("2026-07-01", "instance")
    assert new["implementation"]["url"] == REQUEST.public_base
    del new["_extra"]
    CapabilityStatement.model_validate(new)


def test_it_names_engine_zone_repairs_and_what_happens_to_inactive_records() -> None:
    new = mended()
    assert "24.527.2795.0" in new["implementation"]["description"]
    notes = new["rest"][0]["documentation"]
    assert "Australia/Sydney" in notes
    assert "nactive" in notes
    assert all(each.issue.id in notes for each in REPAIRS)


def test_it_is_raised_by_what_works_and_reduced_to_what_can_pass() -> None:
    new = mended()
    patient, binary = new["rest"][0]["resource"]
    assert [each["code"] for each in patient["interaction"]] == ["read", "search-type", "create", "update"]
    assert patient["interaction"][0]["documentation"] == "by id"
    assert patient["searchRevInclude"] == ["Condition:patient"]
    assert "prefix" in patient["searchParam"][0]["documentation"]
    assert patient["searchParam"][1] == {"name": "family", "type": "string"}
    assert binary == {"type": "Binary", "interaction": [{"code": "read"}], "versioning": "no-version"}
    assert (new["format"], new["rest"][0]["interaction"]) == (
        ["application/fhir+json", "json"],
        [{"code": "batch"}],
    )


def test_numbers_and_unknown_fields_survive() -> None:
    entry = given(Entry({"resource": Raw(json.dumps(BROKEN).replace("1.5", "1.500").encode())}))
    assert b'"_extra":{"x": 1.500}' in bytes(entry.fields["resource"])


def test_repairing_twice_changes_nothing_the_second_time() -> None:
    once = given(Entry({"resource": Raw(json.dumps(BROKEN).encode())}))
    assert given(once) is once


@pytest.mark.parametrize("kept", [["application/json-patch+json"], None])
def test_a_patch_format_that_works_stays(kept: list[str] | None) -> None:
    formats = [*(kept or []), "", "application/fhir+xml"]
    assert mended(BROKEN | {"patchFormat": formats}).get("patchFormat") == kept


def test_a_poor_statement_becomes_a_valid_one() -> None:
    CapabilityStatement.model_validate(mended({"resourceType": "CapabilityStatement"}))


@pytest.mark.parametrize(
    "body", [b'{"resourceType":"TerminologyCapabilities"}', b'{"resourceType":"Patient"}']
)
def test_other_resources_and_other_interactions_are_left_alone(body: bytes) -> None:
    entry = Entry({"resource": Raw(body)})
    assert given(entry) is entry
    assert make_repair(()).entry(fhir_request("Patient/1"), entry) is entry  # type: ignore[misc]
    assert given(Entry({})) == Entry({})
