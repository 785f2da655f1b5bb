"""Plans of searches with date criteria."""

from contextlib import nullcontext
from dataclasses import replace

import pytest
from support.requests import SITE, fhir_request

from gateway.dates.registry import declared_parameter
from gateway.dates.support import DateSearchSupport
from gateway.errors.failure import Failure
from gateway.search.split_plan import SplitPlan, plan_search


def plan_for(path: str, query: str, method: str = "GET") -> SplitPlan | None:
    request = fhir_request(path, query, method)
    return plan_search(request, request.upstream_search, SITE)


def queries(plan: SplitPlan | None) -> list[str]:
    return [part.query for part in plan.split_searches] if plan else []


@pytest.mark.parametrize(
    ("path", "query", "parts"),
    [
        ("Appointment", "date=2026-04-05", ["date=ge2026-04-05T00:00:00&date=lt2026-04-06T00:00:00"]),
        (
            "Appointment",
            "date=ne2026-04-05&a=1",
            ["date=lt2026-04-05T00:00:00&a=1", "date=ge2026-04-06T00:00:00&a=1"],
        ),
        (
            "Appointment",
            "date=ne2026-04-05&_sort=-date",
            ["date=ge2026-04-06T00:00:00&_sort=-date", "date=lt2026-04-05T00:00:00&_sort=-date"],
        ),
        ("Patient", "birthdate=gt2020&birthdate=lt2019", []),
        (
            "Observation",
            "patient.birthdate=1980",
            ["patient.birthdate=ge1980-01-01&patient.birthdate=lt1981-01-01"],
        ),
        ("Patient/1/_history", "_since=2026-07-01T00:00:00Z", ["_since=2026-07-01T10:00:00"]),
        ("Patient/1/_history", "_at=2026-07-01T00:00:00Z", ["_at=2026-07-01T10:00:00"]),
        ("Patient/1/$everything", "start=2026-04&end=2026-04", ["start=2026-04-01&end=2026-04-30"]),
        ("Slot/$find-free", "start=2026-07-01T00:00:00Z", ["start=2026-07-01T10:00:00"]),
    ],
)
def test_date_criteria_become_upstream_searches(path: str, query: str, parts: list[str]) -> None:
    assert queries(plan_for(path, query)) == parts


def test_element_hiding_parameters_are_not_sent_with_a_filter() -> None:
    plan = plan_for("Encounter", "date=2026-04-05&_elements=id&_summary=true&_count=0&status=finished")
    assert queries(plan) == ["date=ge2026-04-05T00:00:00&date=lt2026-04-06T00:00:00&status=finished"]


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("Patient", "name=2026"),
        ("Patient", "birthdate:missing=true"),
        ("Slot/$find-free", "start=2026-07-01"),
        ("Patient", "birthdate="),
    ],
)
def test_search_without_date_criteria_has_no_plan(path: str, query: str) -> None:
    assert plan_for(path, query) is None


@pytest.mark.parametrize(
    ("query", "kind"),
    [
        ("date=ne2026-04-05&_sort=status", "not-supported"),
        ("date=ne2026-04-05&_sort=-status,date", "not-supported"),
        ("date=2026-13", "value"),
        ("_has:Observation:patient:date=2026", "not-supported"),
    ],
)
def test_search_without_an_exact_plan_has_a_problem(query: str, kind: str) -> None:
    plan = plan_for("Patient" if "_has" in query else "Appointment", query)
    assert plan is not None
    assert plan.problem is not None
    assert plan.problem.kind == kind


def test_filter_on_all_records_needs_another_criterion() -> None:
    plan = plan_for("Encounter", "date=ne2026-04-05")
    assert plan is not None
    assert plan.problem is not None
    assert plan.problem.kind == "too-costly"
    assert queries(plan_for("Encounter", "date=ne2026-04-05&patient=1")) == ["patient=1"]


def test_dates_that_a_site_declares_are_counted_as_well() -> None:
    declared = {("Patient", "last-visit"): declared_parameter("Patient", "last-visit")}
    support = DateSearchSupport(declared_parameters=declared, max_date_values=2)
    site = replace(SITE, date_support=support)
    for values, is_planned in (("2026,2027", True), ("2026,2027,2028", False)):
        request = fhir_request("Patient", f"last-visit=lt{values}&name=x")
        with nullcontext() if is_planned else pytest.raises(Failure, match="search-limit"):
            assert plan_search(request, request.upstream_search, site)
