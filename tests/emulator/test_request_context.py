"""Each documented fault, on and off, straight from the emulator."""

import re
from datetime import datetime
from importlib import import_module
from typing import Any

import pytest
from emulator.asking import Halo, link, matches

from gateway.emulator.search.parameters import RESOURCE_TYPES
from gateway.emulator.settings import DEFAULT_LAST_UPDATED_STYLES, DOCUMENTED_FAULTS
from gateway.emulator.sites import BRISBANE, PERTH, SITES, SYDNEY

INTERNAL = "http://fhir-engine.halo.internal:8080"
INCLUDING = "Patient?_revinclude=Condition:patient&_count=3"
FULL_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


def everything(halo: Halo, site: str = SYDNEY) -> list[dict[str, Any]]:
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
def test_search_date_format_refuses_what_r4_allows(halo: Halo, path: str) -> None:
    refused = halo.ask(path)
    assert refused.status_code == 400
    (issue,) = refused.json()["issue"]
    assert (issue["severity"], issue["code"]) == ("fatal", "exception")
    assert issue["details"]["coding"] == [
        {"system": "http://hl7.org/fhir/dotnet-api-operation-outcome", "code": "5003"}
    ]
    assert "diagnostics" not in issue
    halo.off("search-date-format")
    assert halo.ask(path).status_code == 200


@pytest.mark.parametrize("paging", ["token", "offset", "page"])
def test_link_include_params_are_lost_and_so_are_the_included_resources(halo: Halo, paging: str) -> None:
    halo.off("link-base-url")
    halo.variants(paging=paging)
    spoiled = halo.json(INCLUDING)
    assert matches(spoiled, "include")
    assert not [each for each in spoiled["link"] if "include" in each["url"]]
    assert not matches(halo.json(link(spoiled, "next")), "include")
    halo.off("link-include-params")
    right = halo.json(INCLUDING)
    assert all("_revinclude=Condition:patient" in each["url"] for each in right["link"])
    assert matches(halo.json(link(right, "next")), "include")


def test_link_base_url_names_a_host_the_client_never_used(halo: Halo) -> None:
    def hosts() -> set[str]:
        bundle = halo.json("DocumentReference?_count=1000")
        urls = [each["url"] for each in bundle["link"]] + [each["fullUrl"] for each in bundle["entry"]]
        contents = [row["content"][0]["attachment"] for row in matches(bundle)]
        urls += [attachment["url"] for attachment in contents if "url" in attachment]
        return {url.partition("/sites/")[0] for url in urls}

    assert hosts() == {INTERNAL}
    halo.off("link-base-url")
    assert hosts() == {f"{halo.emulator.url}/integrator"}


def test_full_urls_are_relative_when_links_are_only_queries(halo: Halo) -> None:
    halo.variants(link_form="query-only")
    assert halo.json("Patient?_id=1")["entry"][0]["fullUrl"] == "Patient/1"


def test_last_updated_differs_by_type_and_is_utc_when_off(halo: Halo) -> None:
    spoiled = {row["resourceType"]: row["meta"]["lastUpdated"] for row in everything(halo)}
    assert not FULL_INSTANT.fullmatch(spoiled["Patient"])
    assert re.fullmatch(r".*\.\d{7}", spoiled["Appointment"])
    assert re.search(r"[+]1[01]:00$", spoiled["Observation"])
    assert FULL_INSTANT.fullmatch(spoiled["Slot"])
    halo.off("last-updated-offset")
    right = everything(halo)
    truths = {name: halo.truth(name) for name in RESOURCE_TYPES}
    assert all(FULL_INSTANT.fullmatch(row["meta"]["lastUpdated"]) for row in right)
    assert all(row["meta"] == truths[row["resourceType"]][row["id"]]["meta"] for row in right)


def test_a_spoiled_last_updated_is_still_the_same_moment_on_the_site_clock(halo: Halo) -> None:
    for row in everything(halo, PERTH):
        truth = halo.truth(row["resourceType"], PERTH)[row["id"]]["meta"]["lastUpdated"]
        shown = datetime.fromisoformat(row["meta"]["lastUpdated"])
        zoned = shown if shown.tzinfo else shown.replace(tzinfo=SITES[PERTH].zone)
        assert zoned == datetime.fromisoformat(truth)
        if DEFAULT_LAST_UPDATED_STYLES.get(row["resourceType"], "ok") == "ok":
            assert row["meta"]["lastUpdated"] == truth


def test_error_envelopes_differ_by_who_answers_and_are_outcomes_when_off(halo: Halo) -> None:
    halo.set(sites={BRISBANE: {"size_limit": 500}})
    asked = [
        ("Patient/99999", BRISBANE, "resourceType"),
        ("Patient", BRISBANE, "errorDetails"),
        ("Patient/99999", PERTH, "errorCode"),
        ("/integrator/sites/00000000-0000-4000-8000-000000000000", "", "error"),
        ("/nowhere", "", "statusCode"),
    ]
    for path, site, field in asked:
        assert field in halo.ask(path, site).json(), path
    halo.off("error-envelope")
    for path, site, _ in asked:
        answer = halo.ask(path, site)
        assert answer.status_code >= 400
        assert answer.json()["resourceType"] == "OperationOutcome"
        assert answer.json()["issue"][0]["severity"] == "error"


def test_an_old_engine_delivers_its_errors_inside_http_200(halo: Halo) -> None:
    answer = halo.ask("Patient?birthdate=1980", PERTH)
    assert answer.status_code == 200
    assert answer.json()["errorCode"] == 400
    assert set(answer.json()) == {"errorCode", "errorMessage"}


def test_inactive_records_are_never_returned(halo: Halo) -> None:
    rows = halo.emulator.control("GET", f"truth/{SYDNEY}/Patient")
    hidden = next(row["resource"]["id"] for row in rows if not row["active"])
    assert halo.ask(f"Patient/{hidden}").status_code == 404
    assert hidden not in halo.ids("Patient?_count=1000")
    assert halo.ids("Patient?active=false") == []
    halo.off("inactive-records")
    assert halo.json(f"Patient/{hidden}")["active"] is False
    assert hidden in halo.ids("Patient?_count=1000")


def test_the_capability_statement_is_invalid_until_its_quirks_are_off(halo: Halo) -> None:
    spoiled = halo.json("metadata")
    assert spoiled["patchFormat"] == [""]
    assert "date" not in spoiled
    assert spoiled["implementation"]["url"] == "https://haloconnect.io"
    assert spoiled["rest"][0]["resource"][0]["interaction"] == [{"code": "read"}]
    halo.off("capability-statement")
    right = halo.json("metadata")
    assert valid(right)
    assert right["implementation"]["url"] == f"{halo.emulator.url}{halo.base(SYDNEY)}"


def test_with_the_other_faults_off_the_answers_are_valid_and_the_truth(halo: Halo) -> None:
    halo.off(*(fault for fault in DOCUMENTED_FAULTS if fault != "inactive-records"))
    bundle = halo.json("Patient?_revinclude=Condition:patient&_include=Patient:organization&_count=10")
    assert valid(bundle)
    truths = {name: halo.truth(name) for name in ("Patient", "Condition", "Organization")}
    rows = matches(bundle) + matches(bundle, "include")
    assert all(row == truths[row["resourceType"]][row["id"]] for row in rows)


def test_a_fault_can_be_off_at_one_site_only(halo: Halo) -> None:
    halo.set(sites={BRISBANE: {"faults": {"link-base-url": False}}})
    assert halo.emulator.url in link(halo.json("Patient", BRISBANE), "self")
    assert INTERNAL in link(halo.json("Patient", SYDNEY), "self")


def valid(resource: dict[str, Any]) -> bool:
    name = resource["resourceType"]
    getattr(import_module(f"fhir.resources.R4B.{name.lower()}"), name).model_validate(resource)
    return True


def test_sites_answer_from_their_own_data(halo: Halo) -> None:
    names = {site: str(halo.json("Patient/2", site)["name"]) for site in SITES}
    assert len(set(names.values())) == len(SITES)
