"""Combination of date parameters of a search."""

from datetime import UTC, datetime

from support.date_facts import PROBED

from gateway.dates.plan import DatePlan, combine_plans, require_selective
from gateway.dates.planner import plan_parameter
from gateway.dates.support import DateSearchSupport
from gateway.dates.timezones import load_zone

NOW = datetime(2026, 11, 20, 5, 30, tzinfo=UTC)
BRISBANE = load_zone("Australia/Brisbane")


def plan_of(resource: str, name: str, *values: str) -> DatePlan:
    plan = plan_parameter(resource, name, values, PROBED, BRISBANE, NOW)
    assert plan is not None
    return plan


def test_single_plan_is_unchanged() -> None:
    result = combine_plans([plan_of("Encounter", "date", "ne2024")], 4)
    assert (result.strategy, result.queries, len(result.filters)) == ("drop+filter", ((),), 1)


def test_queries_of_parameters_are_multiplied() -> None:
    result = combine_plans(
        [plan_of("Task", "modified", "ne2024"), plan_of("Task", "authored-on", "ne2023")], 4
    )
    assert (result.strategy, result.exact, result.dedupe, result.cacheable) == ("split", True, False, True)
    assert len(result.queries) == 4
    assert result.queries[0] == (
        ("modified", "lt2024-01-01T00:00:00"),
        ("authored-on", "lt2023-01-01T00:00:00"),
    )


def test_too_many_parts_become_fallbacks_with_filter() -> None:
    plans = [
        plan_of("Task", "modified", "ne2024"),
        plan_of("Task", "authored-on", "ne2023"),
        plan_of("Task", "_lastUpdated", "ap2024"),
    ]
    result = combine_plans(plans, 2)
    assert (result.strategy, len(result.queries), len(result.filters), result.cacheable) == (
        "split+filter",
        2,
        1,
        False,
    )


def test_too_many_parts_without_fallback_are_rejected() -> None:
    plans = [plan_of("Task", name, "2001-01-01,2024-01-01") for name in ("modified", "authored-on")]
    problem = combine_plans(plans, 2).problem
    assert problem is not None
    assert (problem.kind, problem.expression) == ("too-costly", "http.modified")
    assert len(combine_plans(plans, 4).queries) == 4


# An empty plan makes the search empty.
def test_rejected_plan_rejects_search() -> None:
    empty, rejected = plan_of("Task", "modified", "gt9999"), plan_of("Task", "authored-on", "x")
    assert combine_plans([empty, rejected], 4).strategy == "reject"
    assert combine_plans([plan_of("Task", "authored-on", "2024"), empty], 4).strategy == "empty"
    assert combine_plans([], 4).queries == ((),)


def test_unselective_search_is_rejected() -> None:
    rejected = require_selective(plan_of("Encounter", "date", "ne2024"))
    assert rejected.problem is not None
    assert rejected.problem.kind == "too-costly"
    assert require_selective(plan_of("Encounter", "date", "2024")).problem is None


DAYS = "2024-06-03,2024-06-05,2024-06-07"


def test_fallback_query_keeps_its_filter() -> None:
    result = combine_plans(
        [
            plan_of("Appointment", "date", DAYS),
            plan_of("Appointment", "_lastUpdated", "2024-05-01,2024-05-03"),
        ],
        4,
    )
    assert len(result.queries) == 2
    assert [plan.filter_predicate for plan in result.plans if plan.filter_predicate] == list(result.filters)
    assert [(plan.name, plan.exact) for plan in result.plans] == [("date", False), ("_lastUpdated", True)]


def test_fallback_of_a_chain_is_not_used() -> None:
    chain = plan_of("Observation", "patient.birthdate", "1980-01-01,1980-01-03,1980-01-05")
    problem = combine_plans([chain, plan_of("Observation", "encounter.date", "lt2024")], 2).problem
    assert problem is not None
    assert (problem.kind, problem.expression) == ("too-costly", "http.patient.birthdate")


def test_overlapping_queries_of_unseen_dates_are_rejected() -> None:
    support = DateSearchSupport(period_semantics="r4", supports_sa_eb=True)
    chain = plan_parameter("Observation", "encounter.date", ["ne2024"], support, BRISBANE, NOW)
    assert chain is not None
    problem = combine_plans([chain], 4).problem
    assert problem is not None
    assert (problem.kind, problem.expression) == ("not-supported", "http.encounter.date")
