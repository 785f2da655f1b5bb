"""Plans of date parameters: worked examples, rejections, chains, composites, histories, operations."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from support.date_facts import PROBED

from gateway.dates.plan import DatePlan, explain_plan
from gateway.dates.planner import history_since, operation_date, plan_parameter
from gateway.dates.registry import declared_parameter
from gateway.dates.support import DateSearchSupport
from gateway.dates.timezones import load_zone

NOW = datetime(2026, 11, 20, 5, 30, tzinfo=UTC)
SYDNEY = load_zone("Australia/Sydney")
EXAMPLES = json.loads(Path(__file__).with_name("date_search.json").read_text())
SECONDS = replace(PROBED, date_precision={("*", "*"): "frac", ("*", "date"): "second"})


def plan_of(resource: str, name: str, *values: str, support: DateSearchSupport = SECONDS) -> DatePlan:
    plan = plan_parameter(resource, name, values, support, SYDNEY, NOW)
    assert plan is not None
    return plan


def support_of(example: dict[str, Any]) -> DateSearchSupport:
    key = ("*", example["name"].rpartition(".")[2].rpartition(":")[2] or example["name"])
    return replace(
        PROBED,
        date_precision={("*", "*"): "frac", key: example["precision"]}
        if "precision" in example
        else PROBED.date_precision,
        column_time_zones={key: UTC} if "column" in example else PROBED.column_time_zones,
        **({"period_semantics": "r4", "supports_sa_eb": True} if "verified" in example else {}),
    )


def test_file_has_148_worked_examples() -> None:
    assert len({example["id"] for example in EXAMPLES}) == 148


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example["id"])
def test_worked_example_has_documented_plan(example: dict[str, Any]) -> None:
    site = load_zone(f"Australia/{example['zone']}")
    plan = plan_parameter(
        example["resource"], example["name"], example["values"], support_of(example), site, NOW
    )
    assert plan is not None
    assert plan.strategy == example["strategy"]
    assert [list(query) for query in plan.queries] == example["queries"]
    assert (not plan.exact) == example.get("filter", False)
    problem = [plan.problem.kind, plan.problem.message] if plan.problem else None
    assert problem == example.get("problem")


@pytest.mark.parametrize(
    "name", ["status", "patient.name", "_has:Observation:patient", "nothing.date", "a.b.c"]
)
def test_other_parameter_has_no_plan(name: str) -> None:
    assert plan_parameter("Appointment", name, ["2024"], SECONDS, SYDNEY, NOW) is None


@pytest.mark.parametrize("value", ["2024-02-30", "2024,", "GE2024", "2024\\,2025", "zz2024", " 2024"])
def test_problem_names_parameter_and_grammar_but_no_value(value: str) -> None:
    problem = plan_of("Appointment", "date", value).problem
    assert problem is not None
    assert (problem.kind, problem.message, problem.expression) == ("value", "MSG_DATE_FORMAT", "http.date")
    assert "YYYY[-MM[-DD[Thh:mm[:ss" in problem.text
    assert value.strip() not in problem.text


@pytest.mark.parametrize("value", ["true,false", "yes", "2024"])
def test_missing_with_other_value_is_rejected(value: str) -> None:
    problem = plan_of("Appointment", "date:missing", value).problem
    assert problem is not None
    assert problem.kind == "value"


def test_search_with_ap_is_not_cacheable() -> None:
    assert not plan_of("Appointment", "date", "ap2024").cacheable
    assert not plan_of("Patient", "birthdate", "ap2024-01-01T10:00:00.1", "lt1900").cacheable
    assert plan_of("Appointment", "date", "2024").cacheable


@pytest.mark.parametrize(
    ("values", "queries"),
    [
        (["lt1700"], ()),
        (["ge1753"], (("ge1753-01-01T00:00:00",),)),
        (["9999-12-31"], (("ge9999-12-31T00:00:00",),)),
        (["0001-01-01T00:00:00+14:00"], ()),
        (["lt9999-12-31T23:59:00-14:00"], (("ge1753-01-01T00:00:00",),)),
        (["ap0001"], ()),
    ],
)
def test_bounds_outside_column_range_are_removed(
    values: list[str], queries: tuple[tuple[str, ...], ...]
) -> None:
    assert plan_of("Appointment", "date", *values).queries == queries


def test_too_many_close_parts_are_merged() -> None:
    plan = plan_of("Appointment", "date", "2024-01-01,2024-01-03,2024-01-05,2024-01-07,2024-01-09")
    assert plan.queries == (("ge2024-01-01T00:00:00", "lt2024-01-10T00:00:00"),)
    assert plan.strategy == "widen+filter"
    assert plan.filter_predicate is not None


def test_narrowest_gaps_are_closed_first() -> None:
    plan = plan_of("Appointment", "date", "2014,2016-01-01,2016-01-03,2018,2022")
    assert plan.strategy == "widen+filter"
    support = replace(SECONDS, max_split_queries=2)
    plan = plan_of("Appointment", "date", "2014-01-01,2014-01-03,2024-01-01", support=support)
    assert plan.strategy == "split+filter"
    assert plan.queries[0] == ("ge2014-01-01T00:00:00", "lt2014-01-04T00:00:00")


def test_too_many_scattered_days_are_rejected() -> None:
    days = ",".join(f"{year}-05-01" for year in range(2000, 2010))
    for resource, name in (("Appointment", "date"), ("MedicationRequest", "date"), ("Encounter", "date")):
        problem = plan_of(resource, name, days, support=PROBED).problem
        assert problem is not None
        assert problem.kind == "too-costly"


def test_thousand_values_are_planned() -> None:
    """`search/limits.py` limits their number."""
    assert plan_of("Appointment", "date", ",".join(["2024-05-01"] * 1000)).exact


def test_comma_support_saves_queries() -> None:
    support = replace(PROBED, supports_comma_or=True)
    assert plan_of("Appointment", "date", "ne2024-05-01", support=support).queries == (
        ("lt2024-05-01T00:00:00,ge2024-05-02T00:00:00",),
    )
    assert plan_of("Appointment", "date", "2024,2026", support=support).queries == (
        ("ge2024-01-01T00:00:00", "lt2027-01-01T00:00:00", "lt2025-01-01T00:00:00,ge2026-01-01T00:00:00"),
    )
    verified = replace(PROBED, supports_comma_or=True, period_semantics="r4", supports_sa_eb=True)
    assert plan_of("Encounter", "date", "ge2024", support=verified).queries == (("gt2023-12-31T23:59:59",),)
    assert plan_of("Encounter", "date", "ne2024", support=verified).queries == (
        ("lt2024-01-01T00:00:00,gt2024-12-31T23:59:59",),
    )


def test_upstream_without_repeats_gets_single_condition_and_filter() -> None:
    support = replace(PROBED, supports_repeated_parameter=False)
    assert plan_of("Patient", "birthdate", "1970", support=support).queries == (("ge1970-01-01",),)
    plan = plan_of("Patient", "birthdate", "1970,1980", support=support)
    assert (plan.queries, plan.dedupe, plan.exact) == ((("ge1970-01-01",),), False, False)
    assert plan_of("Patient", "birthdate", "lt1970", support=support).exact
    assert plan_of("Patient", "birthdate", "ne1970", support=support).strategy == "split"


def test_start_only_upstream_gets_no_lower_bound() -> None:
    support = replace(PROBED, period_semantics="start-only")
    assert plan_of("Encounter", "date", "ge2024", support=support).strategy == "drop+filter"
    assert plan_of("Encounter", "date", "2024", support=support).strategy == "widen+filter"


@pytest.mark.parametrize(
    ("value", "queries", "exact"),
    [
        ("lt9999", (("lt9999-01-01T00:00:00",),), True),
        ("eb1500", (("eb1753-01-01T00:00:00",),), False),
        ("sa1500", ((),), False),
        ("gt9999", (("gt9999-12-31T23:59:59",),), True),
        ("eb9999-12-31T23:59:59-14:00", ((),), False),
        ("lt9999-12-31T23:59:59-14:00", ((),), False),
        ("sa9999-12-31T10:00:00.5", (("sa9999-12-31T09:59:59",),), False),
    ],
)
def test_exact_conditions_respect_column_range(
    value: str, queries: tuple[tuple[str, ...], ...], *, exact: bool
) -> None:
    plan = plan_of(
        "Encounter", "date", value, support=replace(PROBED, period_semantics="r4", supports_sa_eb=True)
    )
    assert (plan.queries, plan.exact) == (queries, exact)


def test_too_many_exact_conditions_become_superset() -> None:
    support = replace(PROBED, period_semantics="r4", supports_sa_eb=True)
    years = ",".join(f"{year}" for year in range(2020, 2026))
    plan = plan_of("Encounter", "date", years, support=support)
    query = ("ge2020-01-01T00:00:00", "lt2026-01-01T00:00:00")
    assert (plan.strategy, plan.queries) == ("widen+filter", (query,))


def test_widest_of_equal_conditions_is_sent_once() -> None:
    support = replace(PROBED, period_semantics="r4", supports_sa_eb=True)
    plan = plan_of("Encounter", "date", "ge2024,ge2025,ge2026", support=support)
    assert (plan.strategy, plan.queries) == ("single", (("gt2023-12-31T23:59:59",),))
    plan = plan_of("Encounter", "date", "lt2024,lt2025,gt2026", support=support)
    assert plan.queries == (("lt2025-01-01T00:00:00",), ("gt2026-12-31T23:59:59",))


def test_bound_on_element_that_may_be_partial_is_widened() -> None:
    assert plan_of("Condition", "onset-date", "gt2024-06-01").queries == (("ge2023-12-31T23:59:59",),)
    assert plan_of("Encounter", "date", "gt2024-06-01", support=PROBED).queries == (
        ("ge2024-06-01T23:59:59",),
    )


def test_inexact_chain_is_rejected() -> None:
    assert plan_of("Observation", "subject:Patient.birthdate", "1970").queries == (
        ("ge1970-01-01", "lt1971-01-01"),
    )
    assert plan_of("Observation", "subject.birthdate", "1970").exact
    assert plan_of("Encounter", "diagnosis:Condition.recorded-date", "ge2024").exact
    problem = plan_of("Encounter", "diagnosis:Condition.recorded-date", "2024").problem
    assert problem is not None
    assert problem.kind == "not-supported"
    fold = plan_of("Observation", "encounter:Encounter.date", "ge2024-04-06T15:30:00Z").problem
    assert fold is not None
    assert fold.expression == "http.encounter:Encounter.date"


def test_chain_to_different_elements_is_rejected() -> None:
    problem = plan_of("Provenance", "target.date", "2024").problem
    assert problem is not None
    assert "subject:Patient.birthdate" in problem.text
    mixed = plan_of("Observation", "focus.start", "lt2024").problem
    assert mixed is not None
    assert mixed.kind == "not-supported"


def test_bounds_in_has_are_sent_separately() -> None:
    plan = plan_of("Patient", "_has:Observation:patient:date", "ge2024-05", "lt2024-06")
    assert plan.queries == (("ge2024-05-01T00:00:00", "lt2024-06-01T00:00:00"),)
    assert plan.exact
    assert plan.predicate is None
    assert plan_of("Patient", "_has:Observation:patient:_has:Provenance:target:recorded", "lt2024").exact


def test_composite_has_single_condition_in_date_part() -> None:
    plan = plan_of("Observation", "code-value-date", "http://loinc.org|1$lt2024", "2\\$3$gt2023")
    assert plan.queries == (("http://loinc.org|1$lt2024-01-01T00:00:00", "2\\$3$ge2023-12-31T23:59:59"),)
    assert plan.filter_predicate is not None
    assert len(plan.filter_predicate.repeats) == 2


@pytest.mark.parametrize(
    ("value", "kind"),
    [("a$b$2024", "value"), ("lt2024", "value"), ("a$x", "value"), ("a$ne2024", "not-supported")],
)
def test_other_composites_are_rejected(value: str, kind: str) -> None:
    problem = plan_of("Observation", "code-value-date", value).problem
    assert problem is not None
    assert problem.kind == kind


def test_inexact_composite_in_has_is_rejected() -> None:
    assert plan_of("Patient", "_has:Observation:patient:code-value-date", "a$lt2024").exact
    problem = plan_of("Patient", "_has:Observation:patient:code-value-date", "a$ge2024").problem
    assert problem is not None


def test_inexact_declared_parameter_is_rejected() -> None:
    declared = {("Patient", "seen"): declared_parameter("Patient", "seen")}
    assert plan_of("Patient", "seen", "lt2024", support=replace(PROBED, declared_parameters=declared)).exact
    problem = plan_of(
        "Patient", "seen", "ge2024", support=replace(PROBED, declared_parameters=declared)
    ).problem
    assert problem is not None
    support = replace(PROBED, declared_parameters=declared, date_precision={("Patient", "seen"): "second"})
    assert plan_of("Patient", "seen", "2024", support=support).exact


def test_each_cause_of_a_filter_has_its_reason() -> None:
    plans = {
        "fold": plan_of("Appointment", "date", "ge2024-04-06T15:30:00Z"),
        "fraction": plan_of("Slot", "start", "ge2024-04-06T15:30:00.5"),
        "partial": plan_of(
            "Condition",
            "onset-date",
            "2024-01",
            support=replace(PROBED, date_precision={("*", "onset-date"): "mixed-year"}),
        ),
        "Period": plan_of("Encounter", "date", "2024"),
        "repeats": plan_of("MedicationRequest", "date", "2024"),
        "gaps": plan_of("Appointment", "date", "2024-01-01,2024-01-03,2024-01-05,2024-01-07,2024-01-09"),
    }
    assert len({plan.reason for plan in plans.values()}) == len(plans)
    assert all(plan.strategy == "widen+filter" for plan in plans.values())


def test_explanation_has_meaning_queries_and_reason() -> None:
    lines = explain_plan(plan_of("Appointment", "date", "ne2024-05-01T10:00:00.25Z,gt9999"))
    assert lines[0] == "date: single"
    assert "ne 2024-05-01T10:00:00.25 UTC or gt [9999-01-01T00:00:00, +inf)" in lines[1]
    assert lines[2].startswith("query 1: date=")
    assert lines[-2:] == ("filter: no", "why: Single range on a single value. ge and lt select it exactly.")
    assert explain_plan(plan_of("Encounter", "date", "ne2024"))[2] == "query 1: (no condition)"
    assert "too-costly" not in explain_plan(plan_of("Appointment", "date", "x"))[-1]


@pytest.mark.parametrize(
    ("text", "second", "exact"),
    [
        ("2024-05-01T10:00:00+10:00", "2024-05-01T10:00:00", True),
        ("2024-05-01T00:00:00.5Z", "2024-05-01T10:00:00", False),
        ("2024-04-06T15:30:00Z", "2024-04-07T02:00:00", False),
    ],
)
def test_since_is_second_without_offset(text: str, second: str, *, exact: bool) -> None:
    plan = history_since(text, PROBED, SYDNEY)
    assert (plan.queries, plan.exact) == (((second,),), exact)


@pytest.mark.parametrize("text", ["ge2024", "now", "0001-01-01T00:00:00+01:00"])
def test_since_and_operations_reject_other_text(text: str) -> None:
    for plan in (history_since(text, PROBED, SYDNEY), operation_date("start", text, SYDNEY)):
        assert plan.problem is not None
        assert plan.problem.kind == "value"


@pytest.mark.parametrize(
    ("name", "text", "day"),
    [
        ("start", "2024", "2024-01-01"),
        ("end", "2024", "2024-12-31"),
        ("end", "2024-02", "2024-02-29"),
        ("start", "2024-05-01T20:00:00Z", "2024-05-02"),
        ("end", "2024-05-01T10:00:00.5", "2024-05-01"),
    ],
)
def test_operation_date_is_day_of_site(name: str, text: str, day: str) -> None:
    assert operation_date(name, text, SYDNEY).queries == ((day,),)


def test_earliest_date_is_configurable() -> None:
    support = replace(SECONDS, earliest_date=date(1900, 1, 1))
    assert plan_of("Appointment", "date", "ge1850", support=support).queries == (("ge1900-01-01T00:00:00",),)


# An upstream that compares ranges returns the day 2024-05-01 for ge2024-05-01T10:00.
def test_bound_inside_a_day_needs_a_known_precision() -> None:
    unknown = replace(PROBED, date_precision={})
    assert plan_of("Task", "modified", "sa2024-05-01T10:00", support=unknown).strategy == "widen+filter"
    assert plan_of("Task", "modified", "sa2024-05-01", support=unknown).exact
    assert plan_of("Task", "modified", "sa2024-05-01T10:00", support=PROBED).exact


# An upstream that compares ranges would return the year 2025 on both sides of the second.
def test_parts_that_may_share_partial_dates_are_one_query() -> None:
    plan = plan_parameter(
        "Immunization",
        "date",
        ["ne2025-08-29T14:00:01Z"],
        PROBED,
        load_zone("Australia/Brisbane"),
        NOW,
    )
    assert plan is not None
    assert (plan.queries, plan.exact, plan.dedupe) == ((("ge1753-01-01T00:00:00",),), False, False)
