from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from emulator.halo_client import HaloClient, link_url, matches

from gateway.emulator.sites import BRISBANE, SYDNEY

FORMS = (
    "absolute-public",
    "absolute-internal",
    "api",
    "integrator",
    "desktop",
    "root-relative",
    "path-relative",
    "query-only",
)
PAGINGS = ("token", "strict-token", "offset", "page")


def follow_link(halo: HaloClient, url: str, site: str = SYDNEY) -> Any:
    """The page at a link of any form, requested on the client's FHIR base."""
    query = urlsplit(url).query
    return halo.json(f"Patient?{query}", site)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("paging", PAGINGS)
def test_pages_contain_every_patient_once(halo: HaloClient, form: str, paging: str) -> None:
    halo.set_variants(link_form=form, paging=paging)
    page, ids = halo.json("Patient?_count=7&_sort=birthdate"), []
    while True:
        ids += [row["id"] for row in matches(page)]
        if not (url := link_url(page, "next")):
            break
        page = follow_link(halo, url)
    assert sorted(ids) == sorted(halo.truth("Patient"))
    assert page["total"] == len(ids)


@pytest.mark.parametrize(
    ("form", "start"),
    [
        ("absolute-public", "https://api.haloconnect.io/integrator/sites/{}/fhir/R4/Patient?"),
        ("absolute-internal", "http://fhir-engine.halo.internal:8080/sites/{}/fhir/R4/Patient?"),
        ("api", "{host}/api/sites/{}/fhir/R4/Patient?"),
        ("integrator", "{host}/integrator/sites/{}/fhir/R4/Patient?"),
        ("desktop", "{host}/desktop/sites/{}/fhir/R4/Patient?"),
        ("root-relative", "/integrator/sites/{}/fhir/R4/Patient?"),
        ("path-relative", "Patient?"),
        ("query-only", "?"),
    ],
)
def test_links_have_configured_form(halo: HaloClient, form: str, start: str) -> None:
    halo.set_variants(link_form=form)
    expected = start.format(SYDNEY, host=halo.emulator.url)
    assert all(link["url"].startswith(expected) for link in halo.json("Patient")["link"])


@pytest.mark.parametrize("paging", PAGINGS)
@pytest.mark.parametrize("relation", ["previous", "prev"])
def test_middle_page_links_to_all_neighbours(halo: HaloClient, paging: str, relation: str) -> None:
    halo.set_variants(paging=paging, previous_relation=relation)
    first = halo.json("Patient?_count=5")
    second = follow_link(halo, link_url(first, "next"))
    assert [link["relation"] for link in second["link"]] == ["self", "first", relation, "next", "last"]
    assert matches(follow_link(halo, link_url(second, relation))) == matches(first)
    assert matches(follow_link(halo, link_url(second, "first"))) == matches(first)
    assert not link_url(follow_link(halo, link_url(second, "last")), "next")


def test_first_and_last_links_are_optional(halo: HaloClient) -> None:
    halo.set_variants(first_and_last=False)
    assert [link["relation"] for link in halo.json("Patient?_count=5")["link"]] == ["self", "next"]


def test_site_override_applies_to_that_site_only(halo: HaloClient) -> None:
    halo.patch_settings(sites={BRISBANE: {"variants": {"paging": "offset"}}})
    assert "_offset" in link_url(halo.json("Patient", BRISBANE), "next")
    assert "_page_token" in link_url(halo.json("Patient", SYDNEY), "next")


@pytest.mark.parametrize("query", ["_page_token=nonsense", "_offset=x", "_page=x", "_offset=-1", "_page=0"])
def test_invalid_page_link_is_refused(halo: HaloClient, query: str) -> None:
    assert halo.send(f"Patient?{query}").status_code == 400


def test_page_token_replaces_criteria_in_link(halo: HaloClient) -> None:
    url = link_url(halo.json("Patient?gender=female,male&_count=2"), "next")
    assert set(parse_qs(urlsplit(url).query)) == {"_page_token"}


@pytest.mark.parametrize("query", ["_summary=count", "_count=0"])
def test_count_only_search_has_total_without_entries(halo: HaloClient, query: str) -> None:
    bundle = halo.json(f"Patient?{query}")
    assert bundle["total"] == len(halo.truth("Patient"))
    assert "entry" not in bundle
    assert [link["relation"] for link in bundle["link"]] == ["self"]


def test_total_none_omits_total(halo: HaloClient) -> None:
    assert "total" not in halo.json("Patient?_total=none")
    assert halo.json("Patient?_total=accurate")["total"] == len(halo.truth("Patient"))


def test_search_without_matches_has_no_entry_element(halo: HaloClient) -> None:
    bundle = halo.json("Patient?family=Nobody")
    assert (bundle["total"], "entry" in bundle) == (0, False)


def test_unknown_parameter_gets_warning_and_is_omitted_from_self(halo: HaloClient) -> None:
    bundle = halo.json("Patient?colour=blue&gender=female")
    (outcome,) = matches(bundle, "outcome")
    (issue,) = outcome["issue"]
    assert (issue["severity"], issue["code"]) == ("warning", "not-supported")
    assert issue["details"]["coding"][0]["code"] == "5003"
    assert "colour" not in link_url(bundle, "self")
    assert "gender=female" in link_url(bundle, "self")


def test_unknown_parameter_is_refused_by_variant(halo: HaloClient) -> None:
    halo.set_variants(unknown_parameter="refuse")
    assert halo.send("Patient?colour=blue").status_code == 400


DAY = "date=ge2026-04-05&date=lt2026-04-06"


@pytest.mark.parametrize(
    ("variants", "path", "same_as"),
    [
        ({"repeats": "first"}, f"Appointment?{DAY}", "Appointment?date=ge2026-04-05"),
        ({"comma": "first"}, "Patient?birthdate=1980-02-29,ge1990-01-01", "Patient?birthdate=1980-02-29"),
        ({"drop_date_filters": True}, f"Appointment?{DAY}", "Appointment?"),
    ],
)
def test_date_filters_are_dropped(halo: HaloClient, variants: Any, path: str, same_as: str) -> None:
    full, reduced = halo.json(path)["total"], halo.json(same_as)["total"]
    assert full != reduced
    halo.set_variants(**variants)
    bundle = halo.json(path)
    assert bundle["total"] == reduced
    assert not matches(bundle, "outcome")


def test_dropped_filter_is_in_self_by_variant(halo: HaloClient) -> None:
    halo.set_variants(drop_date_filters=True)
    assert "date=" not in link_url(halo.json(f"Appointment?{DAY}"), "self")
    halo.set_variants(self_shows_dropped=True)
    assert "date=ge2026-04-05" in link_url(halo.json(f"Appointment?{DAY}"), "self")


@pytest.mark.parametrize(
    ("variants", "path"),
    [
        ({"repeats": "refuse"}, f"Appointment?{DAY}"),
        ({"comma": "refuse"}, "Patient?birthdate=1980-02-29,ge1990-01-01"),
    ],
)
def test_multiple_date_values_are_refused(halo: HaloClient, variants: dict[str, Any], path: str) -> None:
    halo.set_variants(**variants)
    assert halo.send(path).status_code == 400
    assert halo.send("Patient?birthdate=1980-02-29&gender=female,male").status_code == 200


@pytest.mark.parametrize("name", ["Patient.gender", "*.gender", "Patient.gender:not"])
def test_dropped_parameter_is_treated_as_unknown(halo: HaloClient, name: str) -> None:
    halo.set_variants(dropped_parameters=[name])
    bundle = halo.json("Patient?gender:not=female&family=Zzyzx")
    assert [patient["id"] for patient in matches(bundle)] == ["1"]
    assert len(matches(bundle, "outcome")) == 1
    assert "gender" not in link_url(bundle, "self")


def test_parameter_of_other_name_is_not_dropped(halo: HaloClient) -> None:
    halo.set_variants(dropped_parameters=["Patient.gender:not", "Slot.family"])
    assert halo.json("Patient?gender=male&family=Zzyzx")["total"] == 0


def test_dropped_parameter_has_no_trace_by_variants(halo: HaloClient) -> None:
    halo.set_variants(
        dropped_parameters=["*.gender"], unknown_parameter="ignore-silently", self_shows_dropped=True
    )
    bundle = halo.json("Patient?gender=male&family=Zzyzx")
    assert (bundle["total"], matches(bundle, "outcome")) == (1, [])
    assert "gender=male" in link_url(bundle, "self")


@pytest.mark.parametrize(
    ("form", "query"),
    [
        ("used", "birthdate=ge1980&gender=female"),
        ("partial", "birthdate=ge1980"),
        ("bare", ""),
        ("respelled", "gender=female&birthdate=ge1980"),
    ],
)
def test_self_link_has_configured_form(halo: HaloClient, form: str, query: str) -> None:
    halo.disable("search-date-format")
    halo.set_variants(self_form=form)
    self_link = link_url(halo.json("Patient?birthdate=ge1980&gender=female"), "self")
    assert urlsplit(self_link).query == query
    assert self_link.endswith(f"?{query}" if query else "/Patient")


def test_self_link_is_absent_by_variant(halo: HaloClient) -> None:
    halo.set_variants(self_form="absent")
    assert not link_url(halo.json("Patient?_count=1"), "self")


def test_entries_have_no_mode_by_variant(halo: HaloClient) -> None:
    halo.set_variants(search_modes=False)
    entries = halo.json("Slot?_count=2&_include=Slot:schedule")["entry"]
    assert len(entries) > 2
    assert not any("search" in entry for entry in entries)


@pytest.mark.parametrize(("totals", "more"), [("accurate", 0), ("excessive", 3)])
def test_total_depends_on_variant(halo: HaloClient, totals: str, more: int) -> None:
    halo.set_variants(totals=totals)
    assert halo.json("Patient?_summary=count")["total"] == len(halo.truth("Patient")) + more


def test_total_is_of_page_or_absent_by_variant(halo: HaloClient) -> None:
    halo.set_variants(totals="page")
    assert halo.json("Patient?_count=3")["total"] == 3
    halo.set_variants(totals="absent")
    assert "total" not in halo.json("Patient?_count=3")


def test_page_has_at_most_the_maximum_count(halo: HaloClient) -> None:
    halo.set_variants(max_count=4)
    page = halo.json("Patient?_count=9")
    assert len(matches(page)) == 4
    assert len(matches(follow_link(halo, link_url(page, "next")))) == 4
