"""Date criteria in all their places, and an upstream that ignores them, over real sockets."""

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest
from conftest import Pair, settings_for
from fhir.resources.R4B.operationoutcome import OperationOutcome

from gateway.app import create_app
from gateway.emulator.sites import SYDNEY
from gateway.server.serve import ThreadedServer

FORM = {"content_type": "application/x-www-form-urlencoded"}
FHIR = {"content_type": "application/fhir+json"}


def fetch_match_ids(pair: Pair, query: str) -> list[str]:
    match_ids, url = [], f"{pair.base()}/{query}"
    while url:
        page = pair.ask("GET", url).json()
        match_ids += [
            entry["resource"]["id"] for entry in page.get("entry", []) if entry["search"]["mode"] == "match"
        ]
        url = next((link["url"] for link in page["link"] if link["relation"] == "next"), "")
    return match_ids


def active_resources(pair: Pair, kind: str) -> list[dict[str, str]]:
    rows = pair.emulator.control("GET", f"truth/{SYDNEY}/{kind}")
    return [row["resource"] for row in rows if row["active"]]


def ids_of_the_day(pair: Pair) -> list[str]:
    return [
        appointment["id"]
        for appointment in active_resources(pair, "Appointment")
        if appointment["start"].startswith("2026-04-02")
    ]


@pytest.mark.parametrize("in_self_link", [False, True])
def test_ignored_date_criterion_is_applied_by_the_gateway(pair: Pair, in_self_link: bool) -> None:
    pair.settings(variants={"drop_date_filters": True, "self_shows_dropped": in_self_link})
    match_ids = fetch_match_ids(pair, "Appointment?date=2026-04-02&_count=20")
    assert sorted(match_ids) == sorted(ids_of_the_day(pair))
    assert match_ids


def test_ignored_date_criterion_without_the_element_is_rejected(pair: Pair) -> None:
    pair.settings(variants={"drop_date_filters": True, "self_shows_dropped": False})
    response = pair.get("Appointment?date=2026-04-02&_elements=id")
    assert response.status_code == 400
    outcome = OperationOutcome.model_validate_json(response.text)
    assert (outcome.issue[0].code, outcome.issue[0].expression) == ("not-supported", ["http.date"])


def test_unencoded_plus_is_read_as_plus(pair: Pair) -> None:
    search = "Appointment?date=ge2026-04-02T08:00:00{}10:00&date=lt2026-04-02T10:00:00{}10:00"
    assert (
        fetch_match_ids(pair, search.format("+", "+"))
        == fetch_match_ids(pair, search.format("%2B", "%2B"))
        != []
    )


def test_url_and_form_criteria_are_combined(pair: Pair) -> None:
    url = f"{pair.base()}/Appointment/_search?date=ge2026-04-02"
    bundle = pair.ask("POST", url, b"date=lt2026-04-03&_count=1000", **FORM).json()
    assert sorted(entry["resource"]["id"] for entry in bundle["entry"]) == sorted(ids_of_the_day(pair))


def test_chained_date_is_sent_in_the_upstream_format(pair: Pair) -> None:
    assert pair.get("Observation?patient.birthdate=1980-02-29").status_code == 200
    (sent,) = pair.sent()
    assert sent["parameters"] == [
        ["patient.birthdate", "ge1980-02-29"],
        ["patient.birthdate", "lt1980-03-01"],
    ]


@pytest.fixture
def pair_with_conditional_create(pair: Pair) -> Iterator[Pair]:
    """A new gateway, which has not read the site's statement for another test."""
    pair.settings(variants={"conditional_writes": {"promised": ["create"]}})
    with ThreadedServer(create_app(settings_for(pair.emulator.url))) as server:
        yield replace(pair, url=server.url)


def test_conditional_create_has_criteria_in_the_upstream_format(pair_with_conditional_create: Pair) -> None:
    pair = pair_with_conditional_create
    patient = json.dumps({"resourceType": "Patient", "gender": "other"}).encode()
    pair.ask("POST", f"{pair.base()}/Patient", patient, If_None_Exist="birthdate=1980&family=Test", **FHIR)
    headers = pair.sent()[-1]["headers"]
    assert isinstance(headers, dict)
    assert headers["if-none-exist"] == "birthdate=ge1980-01-01&birthdate=lt1981-01-01&family=Test"


def test_write_criteria_that_need_a_filter_are_rejected_unsent(pair_with_conditional_create: Pair) -> None:
    pair = pair_with_conditional_create
    patient = json.dumps({"resourceType": "Patient"}).encode()
    response = pair.ask("POST", f"{pair.base()}/Patient", patient, If_None_Exist="birthdate=ne1980", **FHIR)
    methods = {request["method"] for request in pair.sent()}
    assert (response.status_code, "POST" in methods) == (400, False)


def test_explain_sends_no_upstream_request(pair: Pair) -> None:
    parameter = {"name": "search", "valueString": "Appointment?date=ne2026-04-05"}
    body = json.dumps({"resourceType": "Parameters", "parameter": [parameter]}).encode()
    response = pair.ask("POST", f"{pair.base()}/$explain", body, **FHIR)
    assert "1 to 2 upstream queries" in response.json()["issue"][0]["details"]["text"]
    assert pair.sent() == []


def test_count_of_a_split_search_is_exact(pair: Pair) -> None:
    page = pair.get("Appointment?date=ne2026-04-02&_summary=count").json()
    assert page["total"] == len(active_resources(pair, "Appointment")) - len(ids_of_the_day(pair))
    assert len(pair.sent()) == 2


@pytest.mark.parametrize("sort", ["date", "-date"])
def test_split_search_preserves_the_sort_order(pair: Pair, sort: str) -> None:
    by_id = {appointment["id"]: appointment["start"] for appointment in active_resources(pair, "Appointment")}
    starts = [
        by_id[id_][:19]
        for id_ in fetch_match_ids(pair, f"Appointment?date=ne2026-04-02&_sort={sort}&_count=50")
    ]
    assert starts == sorted(starts, reverse=sort.startswith("-"))
    assert len(starts) == len(by_id) - len(ids_of_the_day(pair))


def test_page_links_contain_only_a_token(pair: Pair) -> None:
    page = pair.get("Patient?family=Zzyzx,Test&birthdate=ge1900&_count=1").json()
    page_urls = [link["url"] for link in page["link"] if link["relation"] != "self"]
    assert all(link.partition("?")[2].startswith("_page=") and len(link) < 1500 for link in page_urls)
