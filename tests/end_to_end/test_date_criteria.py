"""Dates wherever criteria occur, and an upstream that drops them, over real sockets."""

import json

import pytest
from conftest import Pair
from fhir.resources.R4B.operationoutcome import OperationOutcome

from gateway.emulator.sites import SYDNEY

FORM = {"content_type": "application/x-www-form-urlencoded"}
FHIR = {"content_type": "application/fhir+json"}


def ids(pair: Pair, query: str) -> list[str]:
    found, url = [], f"{pair.base()}/{query}"
    while url:
        page = pair.ask("GET", url).json()
        found += [
            each["resource"]["id"] for each in page.get("entry", []) if each["search"]["mode"] == "match"
        ]
        url = next((link["url"] for link in page["link"] if link["relation"] == "next"), "")
    return found


def truth(pair: Pair, kind: str) -> list[dict[str, str]]:
    rows = pair.emulator.control("GET", f"truth/{SYDNEY}/{kind}")
    return [row["resource"] for row in rows if row["active"]]


def on_the_day(pair: Pair) -> list[str]:
    return [each["id"] for each in truth(pair, "Appointment") if each["start"].startswith("2026-04-02")]


@pytest.mark.parametrize("shown", [False, True])
def test_a_dropped_date_filter_never_gives_the_unfiltered_set(pair: Pair, shown: bool) -> None:
    pair.settings(variants={"drop_date_filters": True, "self_shows_dropped": shown})
    found = ids(pair, "Appointment?date=2026-04-02&_count=20")
    assert sorted(found) == sorted(on_the_day(pair))
    assert found


def test_a_dropped_filter_that_cannot_be_made_good_is_a_clear_refusal(pair: Pair) -> None:
    pair.settings(variants={"drop_date_filters": True, "self_shows_dropped": False})
    response = pair.get("Appointment?date=2026-04-02&_elements=id")
    assert response.status_code == 400
    outcome = OperationOutcome.model_validate_json(response.text)
    assert (outcome.issue[0].code, outcome.issue[0].expression) == (
        "not-supported",
        ["http.date"],
    )


def test_a_lost_plus_is_read_as_one(pair: Pair) -> None:
    shifted = "Appointment?date=ge2026-04-02T08:00:00{}10:00&date=lt2026-04-02T10:00:00{}10:00"
    assert ids(pair, shifted.format("+", "+")) == ids(pair, shifted.format("%2B", "%2B")) != []


def test_url_and_form_criteria_both_count(pair: Pair) -> None:
    url = f"{pair.base()}/Appointment/_search?date=ge2026-04-02"
    found = pair.ask("POST", url, b"date=lt2026-04-03&_count=1000", **FORM).json()
    assert sorted(each["resource"]["id"] for each in found["entry"]) == sorted(on_the_day(pair))


def test_chained_dates_go_upstream_in_its_format(pair: Pair) -> None:
    assert pair.get("Observation?patient.birthdate=1980-02-29").status_code == 200
    (sent,) = pair.sent()
    assert sent["parameters"] == [
        ["patient.birthdate", "ge1980-02-29"],
        ["patient.birthdate", "lt1980-03-01"],
    ]


def test_a_conditional_create_sends_its_criteria_in_the_upstreams_format(pair: Pair) -> None:
    new = json.dumps({"resourceType": "Patient", "gender": "other"}).encode()
    pair.ask("POST", f"{pair.base()}/Patient", new, If_None_Exist="birthdate=1980&family=Test", **FHIR)
    headers = pair.sent()[0]["headers"]
    assert isinstance(headers, dict)
    assert headers["if-none-exist"] == "birthdate=ge1980-01-01&birthdate=lt1981-01-01&family=Test"


def test_criteria_of_a_write_that_would_need_a_filter_are_refused_before_it(pair: Pair) -> None:
    new = json.dumps({"resourceType": "Patient"}).encode()
    response = pair.ask("POST", f"{pair.base()}/Patient", new, If_None_Exist="birthdate=ne1980", **FHIR)
    assert (response.status_code, pair.sent()) == (400, [])


def test_explain_answers_without_a_query(pair: Pair) -> None:
    wanted = {"name": "search", "valueString": "Appointment?date=ne2026-04-05"}
    body = json.dumps({"resourceType": "Parameters", "parameter": [wanted]}).encode()
    response = pair.ask("POST", f"{pair.base()}/$explain", body, **FHIR)
    assert "2 upstream search(es)" in response.json()["issue"][0]["details"]["text"]
    assert pair.sent() == []


def test_a_count_is_exact_even_where_the_upstream_must_be_asked_twice(pair: Pair) -> None:
    page = pair.get("Appointment?date=ne2026-04-02&_summary=count").json()
    assert page["total"] == len(truth(pair, "Appointment")) - len(on_the_day(pair))
    assert len(pair.sent()) == 2


@pytest.mark.parametrize("sort", ["date", "-date"])
def test_split_searches_keep_the_order_of_their_date(pair: Pair, sort: str) -> None:
    by_id = {each["id"]: each["start"] for each in truth(pair, "Appointment")}
    starts = [by_id[each][:19] for each in ids(pair, f"Appointment?date=ne2026-04-02&_sort={sort}&_count=50")]
    assert starts == sorted(starts, reverse=sort.startswith("-"))
    assert len(starts) == len(by_id) - len(on_the_day(pair))


def test_page_links_hold_nothing_but_a_token(pair: Pair) -> None:
    page = pair.get("Patient?family=Zzyzx,Test&birthdate=ge1900&_count=1").json()
    following = [link["url"] for link in page["link"] if link["relation"] != "self"]
    assert all(link.partition("?")[2].startswith("_page=") and len(link) < 1500 for link in following)
