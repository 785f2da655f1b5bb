import pytest
from support.requests import SITE, fhir_request

from gateway.search.split_plan import SearchPlan, plan_search


def planned(path: str, query: str, method: str = "GET") -> SearchPlan | None:
    request = fhir_request(path, query, method)
    return plan_search(request, request.upstream_search, SITE)


def sent(plan: SearchPlan | None) -> list[str]:
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
        ("Patient/1/$everything", "start=2026-04&end=2026-04", ["start=2026-04-01&end=2026-04-30"]),
    ],
)
def test_dates_become_the_searches_to_send(path: str, query: str, parts: list[str]) -> None:
    assert sent(planned(path, query)) == parts


def test_what_hides_the_element_is_not_sent_with_a_filter() -> None:
    plan = planned("Encounter", "date=2026-04-05&_elements=id&_summary=true&_count=0&status=finished")
    assert sent(plan) == ["date=ge2026-04-05T00:00:00&date=lt2026-04-06T00:00:00&status=finished"]


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("Patient", "name=2026"),
        ("Patient", "birthdate:missing=true"),
        ("Slot/$find-free", "start=2026"),
        ("Patient", "birthdate="),
    ],
)
def test_without_date_criteria_there_is_no_plan(path: str, query: str) -> None:
    assert planned(path, query) is None


@pytest.mark.parametrize(
    ("query", "kind"),
    [
        ("date=ne2026-04-05&_sort=status", "not-supported"),
        ("date=ne2026-04-05&_sort=-status,date", "not-supported"),
        ("date=2026-13", "value"),
        ("_has:Observation:patient:date=2026", "not-supported"),
    ],
)
def test_what_cannot_be_answered_exactly_is_a_problem(query: str, kind: str) -> None:
    plan = planned("Patient" if "_has" in query else "Appointment", query)
    assert plan is not None
    assert plan.problem is not None
    assert plan.problem.kind == kind


def test_a_filter_on_everything_needs_another_criterion() -> None:
    alone, narrowed = (
        planned("Encounter", "date=ne2026-04-05"),
        planned("Encounter", "date=ne2026-04-05&patient=1"),
    )
    assert alone is not None
    assert alone.problem is not None
    assert (alone.problem.kind, sent(narrowed)) == ("too-costly", ["patient=1"])
