from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from emulator.asking import Halo, link, matches

from gateway.emulator.sites import BRISBANE, SYDNEY

FORMS = (
    "absolute-public",
    "absolute-internal",
    "api",
    "integrator",
    "desktop",
    "root-relative",
    "query-only",
)
PAGINGS = ("token", "offset", "page")


def followed(halo: Halo, url: str, site: str = SYDNEY) -> Any:
    """The page behind a link of any form, asked for on the client's own base."""
    query = urlsplit(url).query
    return halo.json(f"Patient?{query}", site)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("paging", PAGINGS)
def test_every_patient_comes_once_in_every_link_form_and_paging_kind(
    halo: Halo, form: str, paging: str
) -> None:
    halo.variants(link_form=form, paging=paging)
    page, seen = halo.json("Patient?_count=7&_sort=birthdate"), []
    while True:
        seen += [row["id"] for row in matches(page)]
        if not (url := link(page, "next")):
            break
        page = followed(halo, url)
    assert sorted(seen) == sorted(halo.truth("Patient"))
    assert page["total"] == len(seen)


@pytest.mark.parametrize(
    ("form", "start"),
    [
        ("absolute-public", "https://api.haloconnect.io/integrator/sites/{}/fhir/R4/Patient?"),
        ("absolute-internal", "http://fhir-engine.halo.internal:8080/sites/{}/fhir/R4/Patient?"),
        ("api", "{host}/api/sites/{}/fhir/R4/Patient?"),
        ("integrator", "{host}/integrator/sites/{}/fhir/R4/Patient?"),
        ("desktop", "{host}/desktop/sites/{}/fhir/R4/Patient?"),
        ("root-relative", "/integrator/sites/{}/fhir/R4/Patient?"),
        ("query-only", "?"),
    ],
)
def test_links_take_the_form_chosen(halo: Halo, form: str, start: str) -> None:
    halo.variants(link_form=form)
    expected = start.format(SYDNEY, host=halo.emulator.url)
    assert all(each["url"].startswith(expected) for each in halo.json("Patient")["link"])


@pytest.mark.parametrize("paging", PAGINGS)
@pytest.mark.parametrize("relation", ["previous", "prev"])
def test_a_middle_page_leads_back_and_forth(halo: Halo, paging: str, relation: str) -> None:
    halo.variants(paging=paging, previous_relation=relation)
    first = halo.json("Patient?_count=5")
    second = followed(halo, link(first, "next"))
    assert [each["relation"] for each in second["link"]] == ["self", "first", relation, "next", "last"]
    assert matches(followed(halo, link(second, relation))) == matches(first)
    assert matches(followed(halo, link(second, "first"))) == matches(first)
    assert not link(followed(halo, link(second, "last")), "next")


def test_first_and_last_can_be_missing(halo: Halo) -> None:
    halo.variants(first_and_last=False)
    assert [each["relation"] for each in halo.json("Patient?_count=5")["link"]] == ["self", "next"]


def test_a_site_can_differ_from_the_others(halo: Halo) -> None:
    halo.set(sites={BRISBANE: {"variants": {"paging": "offset"}}})
    assert "_offset" in link(halo.json("Patient", BRISBANE), "next")
    assert "_page_token" in link(halo.json("Patient", SYDNEY), "next")


@pytest.mark.parametrize("query", ["_page_token=nonsense", "_offset=x", "_page=x", "_offset=-1", "_page=0"])
def test_a_broken_page_link_is_refused(halo: Halo, query: str) -> None:
    assert halo.ask(f"Patient?{query}").status_code == 400


def test_a_token_hides_the_criteria(halo: Halo) -> None:
    url = link(halo.json("Patient?gender=female,male&_count=2"), "next")
    assert set(parse_qs(urlsplit(url).query)) == {"_page_token"}


@pytest.mark.parametrize("query", ["_summary=count", "_count=0"])
def test_a_count_has_a_total_and_no_entries(halo: Halo, query: str) -> None:
    bundle = halo.json(f"Patient?{query}")
    assert bundle["total"] == len(halo.truth("Patient"))
    assert "entry" not in bundle
    assert [each["relation"] for each in bundle["link"]] == ["self"]


def test_a_total_can_be_left_out(halo: Halo) -> None:
    assert "total" not in halo.json("Patient?_total=none")
    assert halo.json("Patient?_total=accurate")["total"] == len(halo.truth("Patient"))


def test_an_empty_answer_has_no_entry(halo: Halo) -> None:
    bundle = halo.json("Patient?family=Nobody")
    assert (bundle["total"], "entry" in bundle) == (0, False)


def test_an_unknown_parameter_is_warned_about_and_left_out_of_self(halo: Halo) -> None:
    bundle = halo.json("Patient?colour=blue&gender=female")
    (outcome,) = matches(bundle, "outcome")
    (issue,) = outcome["issue"]
    assert (issue["severity"], issue["code"]) == ("warning", "not-supported")
    assert issue["details"]["coding"][0]["code"] == "5003"
    assert "colour" not in link(bundle, "self")
    assert "gender=female" in link(bundle, "self")


def test_an_unknown_parameter_can_be_refused(halo: Halo) -> None:
    halo.variants(unknown_parameter="refuse")
    assert halo.ask("Patient?colour=blue").status_code == 400


DAY = "date=ge2026-04-05&date=lt2026-04-06"


@pytest.mark.parametrize(
    ("variants", "path", "same_as"),
    [
        ({"repeats": "first"}, f"Appointment?{DAY}", "Appointment?date=ge2026-04-05"),
        ({"comma": "first"}, "Patient?birthdate=1980-02-29,ge1990-01-01", "Patient?birthdate=1980-02-29"),
        ({"drop_date_filters": True}, f"Appointment?{DAY}", "Appointment?"),
    ],
)
def test_date_filters_can_be_lost(halo: Halo, variants: dict[str, Any], path: str, same_as: str) -> None:
    plain, less = halo.json(path)["total"], halo.json(same_as)["total"]
    assert plain != less
    halo.variants(**variants)
    bundle = halo.json(path)
    assert bundle["total"] == less
    assert not matches(bundle, "outcome")


def test_a_dropped_filter_is_missing_from_self_or_still_there(halo: Halo) -> None:
    halo.variants(drop_date_filters=True)
    assert "date=" not in link(halo.json(f"Appointment?{DAY}"), "self")
    halo.variants(self_shows_dropped=True)
    assert "date=ge2026-04-05" in link(halo.json(f"Appointment?{DAY}"), "self")


@pytest.mark.parametrize(
    ("variants", "path"),
    [
        ({"repeats": "refuse"}, f"Appointment?{DAY}"),
        ({"comma": "refuse"}, "Patient?birthdate=1980-02-29,ge1990-01-01"),
    ],
)
def test_several_date_values_can_be_refused(halo: Halo, variants: dict[str, Any], path: str) -> None:
    halo.variants(**variants)
    assert halo.ask(path).status_code == 400
    assert halo.ask("Patient?birthdate=1980-02-29&gender=female,male").status_code == 200
