"""Operations with pages, a variant."""

import pytest
from emulator.halo_client import HaloClient, link_url, matches

from gateway.emulator.sites import SYDNEY


@pytest.fixture(autouse=True)
def _more_operations(halo: HaloClient) -> None:
    halo.set_variants(more_operations=True)
    halo.disable("link-base-url", "reference-base-url")


def all_rows(halo: HaloClient, path: str) -> list[tuple[str, str]]:
    rows = []
    while path:
        bundle = halo.json(path)
        rows += [(row["resourceType"], row["id"]) for row in matches(bundle)]
        has_next = any(link["relation"] == "next" for link in bundle["link"])
        path = link_url(bundle, "next") if has_next else ""
        assert not path or "$" in path
    return rows


@pytest.mark.parametrize("paging", ["token", "offset", "page"])
def test_everything_has_each_record_of_the_patient_once(halo: HaloClient, paging: str) -> None:
    halo.set_variants(more_operations=True, paging=paging)
    rows = all_rows(halo, "Patient/1/$everything?_count=7")
    assert rows[0] == ("Patient", "1")
    assert len(rows) == len(set(rows)) > 20
    assert {kind for kind, _ in rows} >= {"Observation", "AllergyIntolerance", "Encounter"}


def test_everything_is_limited_by_days_and_last_update(halo: HaloClient) -> None:
    whole = all_rows(halo, "Patient/1/$everything?_count=100")
    since = all_rows(halo, "Patient/1/$everything?_count=100&_since=2026-01-01T00:00:00")
    days = all_rows(halo, "Patient/1/$everything?_count=100&start=2026-01-01&end=2026-03-31")
    assert 1 <= len(since) < len(whole)
    assert 1 <= len(days) < len(whole)


@pytest.mark.parametrize("query", ["start=2026", "_since=2026-01-01T00:00:00Z", "colour=blue"])
def test_everything_refuses_other_dates_and_parameters(halo: HaloClient, query: str) -> None:
    assert halo.send(f"Patient/1/$everything?{query}").status_code == 400
    assert halo.send("Patient/99999/$everything").status_code == 404


def test_last_observations_are_the_latest_of_each_code(halo: HaloClient) -> None:
    truth = halo.truth("Observation", SYDNEY).values()
    rows = all_rows(halo, "Observation/$lastn?patient=Patient/1&max=2&_count=3")
    codes: dict[str, list[str]] = {}
    for row in sorted(truth, key=lambda row: str(row["effectiveDateTime"]), reverse=True):
        if row["subject"]["reference"] == "Patient/1":
            codes.setdefault(row["code"]["coding"][0]["code"], []).append(row["id"])
    assert sorted(identity for _, identity in rows) == sorted(i for ids in codes.values() for i in ids[:2])


def test_parameters_may_be_in_a_body(halo: HaloClient) -> None:
    body = {"resourceType": "Parameters", "parameter": [{"name": "_count", "valueInteger": 2}]}
    bundle = halo.send("Patient/1/$everything", method="POST", json=body).json()
    assert len(matches(bundle)) == 2
