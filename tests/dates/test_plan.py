"""Combination of date parameters of a search."""

from datetime import UTC, datetime

from support.date_facts import PROBED

from gateway.dates.plan import DatePlan, combine_plans, require_selective
from gateway.dates.planner import plan_parameter
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
