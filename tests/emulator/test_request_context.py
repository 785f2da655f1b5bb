"""Documented faults of the emulator, on and off."""

import re
from datetime import datetime
from importlib import import_module
from typing import Any

import pytest
from emulator.halo_client import HaloClient, link_url, matches

from gateway.emulator.search.parameters import RESOURCE_TYPES
from gateway.emulator.settings import DEFAULT_LAST_UPDATED_STYLES, DOCUMENTED_FAULTS
from gateway.emulator.sites import BRISBANE, PERTH, SITES, SYDNEY

INTERNAL = "http://fhir-engine.halo.internal:8080"
INCLUDING = "Patient?_revinclude=Condition:patient&_count=3"
FULL_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


def all_resources(halo: HaloClient, site: str = SYDNEY) -> list[dict[str, Any]]:
    return [row for name in RESOURCE_TYPES for row in matches(halo.json(f"{name}?_count=20", site))]


@pytest.mark.parametrize(
    "path",
    [
        "Patient?birthdate=1980",
        "Patient?birthdate=ge1980-02",
        "Appointment?date=2026-04-05T09:00",
        "Appointment?date=2026-04-05T09:00:00Z",
        "Appointment?date=lt2026-04-05T09:00:00%2B10:00",
        "Patient?_lastUpdated=gt2026-01-01T00:00:00.000Z",
        "Condition?patient.birthdate=1980",
    ],
)
def test_search_date_format_fault_refuses_r4_date_formats(halo: HaloClient, path: str) -> None:
    response = halo.send(path)
    assert response.status_code == 400
    (issue,) = response.json()["issue"]
    assert (issue["severity"], issue["code"]) == ("fatal", "exception")
    assert issue["details"]["coding"] == [
        {"system": "http://hl7.org/fhir/dotnet-api-operation-outcome", "code": "5003"}
    ]
    assert "diagnostics" not in issue
    halo.disable("search-date-format")
    assert halo.send(path).status_code == 200


@pytest.mark.parametrize("paging", ["token", "offset", "page"])
def test_link_include_params_fault_loses_includes_on_next_page(halo: HaloClient, paging: str) -> None:
    halo.disable("link-base-url")
    halo.set_variants(paging=paging)
    faulty = halo.json(INCLUDING)
    assert matches(faulty, "include")
    assert not [link for link in faulty["link"] if "include" in link["url"]]
    assert not matches(halo.json(link_url(faulty, "next")), "include")
    halo.disable("link-include-params")
    correct = halo.json(INCLUDING)
    assert all("_revinclude=Condition:patient" in link["url"] for link in correct["link"])
    assert matches(halo.json(link_url(correct, "next")), "include")


def test_link_base_url_fault_uses_internal_host(halo: HaloClient) -> None:
    def hosts() -> set[str]:
        bundle = halo.json("DocumentReference?_count=1000")
        urls = [link["url"] for link in bundle["link"]] + [entry["fullUrl"] for entry in bundle["entry"]]
        contents = [row["content"][0]["attachment"] for row in matches(bundle)]
        urls += [attachment["url"] for attachment in contents if "url" in attachment]
        return {url.partition("/sites/")[0] for url in urls}

    assert hosts() == {INTERNAL}
    halo.disable("link-base-url")
    assert hosts() == {f"{halo.emulator.url}/integrator"}


def test_full_url_is_relative_with_query_only_links(halo: HaloClient) -> None:
    halo.set_variants(link_form="query-only")
    assert halo.json("Patient?_id=1")["entry"][0]["fullUrl"] == "Patient/1"


def test_last_updated_fault_changes_format_by_type(halo: HaloClient) -> None:
    faulty = {row["resourceType"]: row["meta"]["lastUpdated"] for row in all_resources(halo)}
    assert not FULL_INSTANT.fullmatch(faulty["Patient"])
    assert re.fullmatch(r".*\.\d{7}", faulty["Appointment"])
    assert re.search(r"[+]1[01]:00$", faulty["Observation"])
    assert FULL_INSTANT.fullmatch(faulty["Slot"])
    halo.disable("last-updated-offset")
    correct = all_resources(halo)
    truths = {name: halo.truth(name) for name in RESOURCE_TYPES}
    assert all(FULL_INSTANT.fullmatch(row["meta"]["lastUpdated"]) for row in correct)
    assert all(row["meta"] == truths[row["resourceType"]][row["id"]]["meta"] for row in correct)


def test_changed_last_updated_is_same_instant_in_site_zone(halo: HaloClient) -> None:
    for row in all_resources(halo, PERTH):
        truth = halo.truth(row["resourceType"], PERTH)[row["id"]]["meta"]["lastUpdated"]
        last_updated = datetime.fromisoformat(row["meta"]["lastUpdated"])
        instant = last_updated if last_updated.tzinfo else last_updated.replace(tzinfo=SITES[PERTH].zone)
        assert instant == datetime.fromisoformat(truth)
        if DEFAULT_LAST_UPDATED_STYLES.get(row["resourceType"], "ok") == "ok":
            assert row["meta"]["lastUpdated"] == truth


def test_error_envelope_fault_changes_error_body_by_source(halo: HaloClient) -> None:
    halo.patch_settings(sites={BRISBANE: {"size_limit": 500}})
    requests = [
        ("Patient/99999", BRISBANE, "resourceType"),
        ("Patient", BRISBANE, "errorDetails"),
        ("Patient/99999", PERTH, "errorCode"),
        ("/integrator/sites/00000000-0000-4000-8000-000000000000", "", "error"),
        ("/nowhere", "", "statusCode"),
    ]
    for path, site, field in requests:
        assert field in halo.send(path, site).json(), path
    halo.disable("error-envelope")
    for path, site, _ in requests:
        response = halo.send(path, site)
        assert response.status_code >= 400
        assert response.json()["resourceType"] == "OperationOutcome"
        assert response.json()["issue"][0]["severity"] == "error"


def test_old_engine_sends_errors_in_http_200(halo: HaloClient) -> None:
    response = halo.send("Patient?birthdate=1980", PERTH)
    assert response.status_code == 200
    assert response.json()["errorCode"] == 400
    assert set(response.json()) == {"errorCode", "errorMessage"}


def test_inactive_records_fault_hides_inactive_records(halo: HaloClient) -> None:
    rows = halo.emulator.control("GET", f"truth/{SYDNEY}/Patient")
    inactive_id = next(row["resource"]["id"] for row in rows if not row["active"])
    assert halo.send(f"Patient/{inactive_id}").status_code == 404
    assert inactive_id not in halo.ids("Patient?_count=1000")
    assert halo.ids("Patient?active=false") == []
    halo.disable("inactive-records")
    assert halo.json(f"Patient/{inactive_id}")["active"] is False
    assert inactive_id in halo.ids("Patient?_count=1000")


def test_capability_statement_fault_adds_quirks(halo: HaloClient) -> None:
    faulty = halo.json("metadata")
    assert faulty["patchFormat"] == [""]
    assert "date" not in faulty
    assert faulty["implementation"]["url"] == "https://haloconnect.io"
    assert faulty["rest"][0]["resource"][0]["interaction"] == [{"code": "read"}]
    halo.disable("capability-statement")
    correct = halo.json("metadata")
    assert is_valid(correct)
    assert correct["implementation"]["url"] == f"{halo.emulator.url}{halo.base(SYDNEY)}"


def test_responses_without_faults_are_valid_and_equal_truth(halo: HaloClient) -> None:
    halo.disable(*(fault for fault in DOCUMENTED_FAULTS if fault != "inactive-records"))
    bundle = halo.json("Patient?_revinclude=Condition:patient&_include=Patient:organization&_count=10")
    assert is_valid(bundle)
    truths = {name: halo.truth(name) for name in ("Patient", "Condition", "Organization")}
    rows = matches(bundle) + matches(bundle, "include")
    assert all(row == truths[row["resourceType"]][row["id"]] for row in rows)


def test_fault_override_applies_to_that_site_only(halo: HaloClient) -> None:
    halo.patch_settings(sites={BRISBANE: {"faults": {"link-base-url": False}}})
    assert halo.emulator.url in link_url(halo.json("Patient", BRISBANE), "self")
    assert INTERNAL in link_url(halo.json("Patient", SYDNEY), "self")


def is_valid(resource: dict[str, Any]) -> bool:
    name = resource["resourceType"]
    getattr(import_module(f"fhir.resources.R4B.{name.lower()}"), name).model_validate(resource)
    return True


def test_sites_have_different_data(halo: HaloClient) -> None:
    names = {site: str(halo.json("Patient/2", site)["name"]) for site in SITES}
    assert len(set(names.values())) == len(SITES)
