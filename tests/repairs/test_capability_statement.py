import dataclasses
import json
from typing import Any

import pytest
from conftest import Pair
from fhir.resources.R4B.capabilitystatement import CapabilityStatement
from msgspec import Raw
from support.requests import SITE, fhir_request

from gateway.fhir.bundle import Entry
from gateway.repairs import REPAIRS
from gateway.repairs.capability_statement import make_repair

REPAIR = next(repair for repair in REPAIRS if repair.issue.id == "capability-statement")
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
            "interaction": [{"code": "transaction"}, {"code": "search-system"}],
        }
    ],
}


def repair(statement: dict[str, Any] = BROKEN) -> dict[str, Any]:
    entry = repair_entry(Entry({"resource": Raw(json.dumps(statement).encode())}))
    repaired: dict[str, Any] = json.loads(bytes(entry.fields["resource"]))
    return repaired


def repair_entry(entry: Entry) -> Entry:
    assert REPAIR.entry is not None
    return REPAIR.entry(REQUEST, entry)


def test_invalid_statement_is_repaired_to_valid_r4() -> None:
    new = repair()
    assert "patchFormat" not in new
    assert (new["date"], new["kind"]) == ("2026-07-01", "instance")
    assert new["implementation"]["url"] == REQUEST.public_base
    del new["_extra"]
    CapabilityStatement.model_validate(new)


def test_statement_documents_engine_zone_repairs_and_inactive_records() -> None:
    new = repair()
    assert "24.527.2795.0" in new["implementation"]["description"]
    notes = new["rest"][0]["documentation"]
    assert "Australia/Sydney" in notes
    assert "nactive" in notes
    assert all(repair.issue.id in notes for repair in REPAIRS)


def test_unlisted_interactions_are_added_and_unsupported_removed() -> None:
    new = repair()
    patient, binary = new["rest"][0]["resource"]
    assert codes(patient) == ["read", "search-type"]
    assert patient["interaction"][0]["documentation"] == "by id"
    assert "searchRevInclude" not in patient
    assert "prefix" in patient["searchParam"][0]["documentation"]
    assert patient["searchParam"][1] == {"name": "family", "type": "string"}
    assert binary == {"type": "Binary", "interaction": [{"code": "read"}], "versioning": "no-version"}
    assert (new["format"], new["rest"][0]["interaction"]) == (
        ["application/fhir+json", "json"],
        [{"code": "transaction"}, {"code": "batch"}],
    )


def codes(resource: dict[str, Any]) -> list[str]:
    return [interaction["code"] for interaction in resource["interaction"]]


def test_newer_engine_lists_update_and_reverse_include_but_no_create() -> None:
    patient, _ = repair(BROKEN | {"version": "26.619.10213.0"})["rest"][0]["resource"]
    assert codes(patient) == ["read", "search-type", "update"]
    assert patient["searchRevInclude"] == ["Condition:patient"]


def test_what_the_site_or_its_setting_states_is_listed() -> None:
    stated: Any = json.loads(json.dumps(BROKEN))
    stated["rest"][0]["resource"][0]["interaction"].append({"code": "create"})
    patient, _ = repair(stated)["rest"][0]["resource"]
    assert codes(patient) == ["read", "create", "search-type"]
    site = dataclasses.replace(SITE, unlisted_capabilities=frozenset({"Patient.create"}))
    assert REPAIR.entry is not None
    entry = REPAIR.entry(
        fhir_request("metadata", site=site), Entry({"resource": Raw(json.dumps(BROKEN).encode())})
    )
    patient, _ = json.loads(bytes(entry.fields["resource"]))["rest"][0]["resource"]
    assert codes(patient) == ["read", "search-type", "create"]


def test_numbers_and_unknown_fields_are_unchanged() -> None:
    entry = repair_entry(Entry({"resource": Raw(json.dumps(BROKEN).replace("1.5", "1.500").encode())}))
    assert b'"_extra":{"x": 1.500}' in bytes(entry.fields["resource"])


def test_repeated_repair_changes_nothing() -> None:
    repaired = repair_entry(Entry({"resource": Raw(json.dumps(BROKEN).encode())}))
    assert repair_entry(repaired) is repaired


@pytest.mark.parametrize("supported", [["application/json-patch+json"], None])
def test_only_supported_patch_format_remains(supported: list[str] | None) -> None:
    formats = [*(supported or []), "", "application/fhir+xml"]
    assert repair(BROKEN | {"patchFormat": formats}).get("patchFormat") == supported


@pytest.mark.parametrize("listed", [None, [], [{"code": "batch"}]])
def test_batch_is_listed_once_whatever_the_site_lists(listed: list[dict[str, str]] | None) -> None:
    rest = {"mode": "server"} | ({} if listed is None else {"interaction": listed})
    (new,) = repair(BROKEN | {"rest": [rest]})["rest"]
    assert new["interaction"] == [{"code": "batch"}]


def test_minimal_statement_becomes_valid() -> None:
    CapabilityStatement.model_validate(repair({"resourceType": "CapabilityStatement"}))


@pytest.mark.parametrize(
    "body", [b'{"resourceType":"TerminologyCapabilities"}', b'{"resourceType":"Patient"}']
)
def test_other_resources_and_interactions_are_unchanged(body: bytes) -> None:
    entry = Entry({"resource": Raw(body)})
    assert repair_entry(entry) is entry
    assert make_repair(()).entry(fhir_request("Patient/1"), entry) is entry  # type: ignore[misc]
    assert repair_entry(Entry({})) == Entry({})


def is_repaired(pair: Pair, straight: bool) -> bool:
    statement = (pair.straight if straight else pair.get)("metadata").json()
    has_search = {"code": "search-type"} in statement["rest"][0]["resource"][0]["interaction"]
    return "date" in statement and "patchFormat" not in statement and has_search
