"""Several date parameters of one search."""

from datetime import UTC, datetime

from gateway.dates.plan import DatePlan, combine_plans, require_selective
from gateway.dates.planner import plan_parameter
from gateway.dates.support import DateSearchSupport
from gateway.dates.timezones import load_zone

NOW = datetime(2026, 11, 20, 5, 30, tzinfo=UTC)
BRISBANE = load_zone("Australia/Brisbane")


def made(resource: str, name: str, *values: str) -> DatePlan:
    found = plan_parameter(resource, name, values, DateSearchSupport(), BRISBANE, NOW)
    assert found is not None
    return found


def test_one_plan_stays_as_it_is() -> None:
    both = combine_plans([made("Encounter", "date", "ne2024")], 4)
    assert (both.strategy, both.queries, len(both.filters)) == ("drop+filter", ((),), 1)


def test_the_parts_of_several_parameters_are_multiplied() -> None:
    both = combine_plans([made("Task", "modified", "ne2024"), made("Task", "authored-on", "ne2023")], 4)
    assert (both.strategy, both.exact, both.dedupe, both.cacheable) == ("split", True, False, True)
    assert len(both.queries) == 4
    assert both.queries[0] == (
        ("modified", "lt2024-01-01T00:00:00"),
        ("authored-on", "lt2023-01-01T00:00:00"),
    )


def test_too_many_parts_become_hulls_with_a_filter() -> None:
    plans = [
        made("Task", "modified", "ne2024"),
        made("Task", "authored-on", "ne2023"),
        made("Task", "_lastUpdated", "ap2024"),
    ]
    both = combine_plans(plans, 2)
    assert (both.strategy, len(both.queries), len(both.filters), both.cacheable) == (
        "split+filter",
        2,
        1,
        False,
    )


def test_what_has_no_hull_is_too_costly() -> None:
    far = [made("Task", name, "2001-01-01,2024-01-01") for name in ("modified", "authored-on")]
    problem = combine_plans(far, 2).problem
    assert problem is not None
    assert (problem.kind, problem.expression) == ("too-costly", "http.modified")
    assert len(combine_plans(far, 4).queries) == 4


def test_one_refusal_refuses_all_and_one_empty_condition_empties_all() -> None:
    empty, bad = made("Task", "modified", "gt9999"), made("Task", "authored-on", "x")
    assert combine_plans([empty, bad], 4).strategy == "reject"
    assert combine_plans([made("Task", "authored-on", "2024"), empty], 4).strategy == "empty"
    assert combine_plans([], 4).queries == ((),)


def test_reading_everything_is_refused_when_nothing_else_narrows_the_search() -> None:
    refused = require_selective(made("Encounter", "date", "ne2024"))
    assert refused.problem is not None
    assert refused.problem.kind == "too-costly"
    assert require_selective(made("Encounter", "date", "2024")).problem is None
