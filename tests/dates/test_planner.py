"""Plans of single searches: worked examples, refusals, chains, composites, histories, operations."""

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from gateway.dates.plan import DatePlan, explain_plan
from gateway.dates.planner import history_since, operation_date, plan_parameter
from gateway.dates.registry import declared_parameter
from gateway.dates.support import DateSearchSupport
from gateway.dates.timezones import load_zone

NOW = datetime(2026, 11, 20, 5, 30, tzinfo=UTC)
SYDNEY = load_zone("Australia/Sydney")
EXAMPLES = json.loads(Path(__file__).with_name("date_search.json").read_text())
SECONDS = DateSearchSupport(date_precision={("*", "date"): "second"})


def made(resource: str, name: str, *values: str, facts: DateSearchSupport = SECONDS) -> DatePlan:
    found = plan_parameter(resource, name, values, facts, SYDNEY, NOW)
    assert found is not None
    return found


def facts_of(example: dict[str, Any]) -> DateSearchSupport:
    key = ("*", example["name"].rpartition(".")[2].rpartition(":")[2] or example["name"])
    return DateSearchSupport(
        date_precision={key: example["precision"]} if "precision" in example else {},
        column_time_zones={key: UTC} if "column" in example else {},
        **({"period_semantics": "r4", "supports_sa_eb": True} if "verified" in example else {}),
    )


def test_there_are_148_worked_examples() -> None:
    assert len({each["id"] for each in EXAMPLES}) == 148


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda each: each["id"])
def test_a_worked_example_is_planned_as_written(example: dict[str, Any]) -> None:
    site = load_zone(f"Australia/{example['zone']}")
    found = plan_parameter(
        example["resource"], example["name"], example["values"], facts_of(example), site, NOW
    )
    assert found is not None
    assert found.strategy == example["strategy"]
    assert [list(query) for query in found.queries] == example["queries"]
    assert (not found.exact) == example.get("filter", False)
    problem = [found.problem.kind, found.problem.message] if found.problem else None
    assert problem == example.get("problem")


@pytest.mark.parametrize(
    "name", ["status", "patient.name", "_has:Observation:patient", "nothing.date", "a.b.c"]
)
def test_what_is_not_a_date_is_left_alone(name: str) -> None:
    assert plan_parameter("Appointment", name, ["2024"], SECONDS, SYDNEY, NOW) is None


@pytest.mark.parametrize("value", ["2024-02-30", "2024,", "GE2024", "2024\\,2025", "zz2024", " 2024"])
def test_a_refusal_names_the_parameter_and_the_grammar_but_not_the_value(value: str) -> None:
    problem = made("Appointment", "date", value).problem
    assert problem is not None
    assert (problem.kind, problem.message, problem.expression) == ("value", "MSG_DATE_FORMAT", "http.date")
    assert "YYYY[-MM[-DD[Thh:mm[:ss" in problem.text
    assert value.strip() not in problem.text


@pytest.mark.parametrize("value", ["true,false", "yes", "2024"])
def test_missing_takes_true_or_false_alone(value: str) -> None:
    problem = made("Appointment", "date:missing", value).problem
    assert problem is not None
    assert problem.kind == "value"


def test_a_search_by_ap_is_not_cacheable() -> None:
    assert not made("Appointment", "date", "ap2024").cacheable
    assert not made("Patient", "birthdate", "ap2024-01-01T10:00:00.1", "lt1900").cacheable
    assert made("Appointment", "date", "2024").cacheable


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
def test_bounds_outside_the_years_upstream_can_hold_are_dropped(
    values: list[str], queries: tuple[tuple[str, ...], ...]
) -> None:
    assert made("Appointment", "date", *values).queries == queries


def test_more_parts_than_allowed_are_joined_where_little_is_added() -> None:
    near = made("Appointment", "date", "2024-01-01,2024-01-03,2024-01-05,2024-01-07,2024-01-09")
    assert near.queries == (("ge2024-01-01T00:00:00", "lt2024-01-10T00:00:00"),)
    assert near.strategy == "widen+filter"
    assert near.filter_predicate is not None


def test_the_narrowest_gaps_are_closed_first() -> None:
    found = made("Appointment", "date", "2014,2016-01-01,2016-01-03,2018,2022")
    assert found.strategy == "widen+filter"
    facts = DateSearchSupport(date_precision={("*", "date"): "second"}, max_split_queries=2)
    far = made("Appointment", "date", "2014-01-01,2014-01-03,2024-01-01", facts=facts)
    assert far.strategy == "split+filter"
    assert far.queries[0] == ("ge2014-01-01T00:00:00", "lt2014-01-04T00:00:00")


def test_scattered_days_are_too_costly() -> None:
    days = ",".join(f"{year}-05-01" for year in range(2000, 2010))
    for resource, name in (("Appointment", "date"), ("MedicationRequest", "date"), ("Encounter", "date")):
        problem = made(resource, name, days, facts=DateSearchSupport()).problem
        assert problem is not None
        assert problem.kind == "too-costly"


def test_a_thousand_values_are_the_most() -> None:
    days = ",".join(["2024-05-01"] * 1000)
    assert made("Appointment", "date", days).exact
    problem = made("Appointment", "date", f"{days},2024-05-02").problem
    assert problem is not None
    assert problem.kind == "too-costly"


def test_a_comma_list_upstream_saves_queries() -> None:
    facts = DateSearchSupport(supports_comma_or=True)
    assert made("Appointment", "date", "ne2024-05-01", facts=facts).queries == (
        ("lt2024-05-01T00:00:00,ge2024-05-02T00:00:00",),
    )
    assert made("Appointment", "date", "2024,2026", facts=facts).queries == (
        ("ge2024-01-01T00:00:00", "lt2027-01-01T00:00:00", "lt2025-01-01T00:00:00,ge2026-01-01T00:00:00"),
    )
    verified = DateSearchSupport(supports_comma_or=True, period_semantics="r4", supports_sa_eb=True)
    assert made("Encounter", "date", "ge2024", facts=verified).queries == (
        ("gt2024-12-31T23:59:59,sa2023-12-31T23:59:59",),
    )


def test_an_upstream_of_one_condition_gets_one_and_the_rest_is_filtered() -> None:
    facts = DateSearchSupport(supports_repeated_parameter=False)
    assert made("Patient", "birthdate", "1970", facts=facts).queries == (("ge1970-01-01",),)
    two = made("Patient", "birthdate", "1970,1980", facts=facts)
    assert (two.queries, two.dedupe) == ((("ge1970-01-01",), ("ge1980-01-01",)), True)
    assert made("Patient", "birthdate", "lt1970", facts=facts).exact
    assert made("Patient", "birthdate", "ne1970", facts=facts).strategy == "split"


def test_a_period_looked_up_by_its_start_alone_gets_no_lower_bound() -> None:
    facts = DateSearchSupport(period_semantics="start-only")
    assert made("Encounter", "date", "ge2024", facts=facts).strategy == "drop+filter"
    assert made("Encounter", "date", "2024", facts=facts).strategy == "widen+filter"


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
def test_the_exact_basis_knows_the_limits(
    value: str, queries: tuple[tuple[str, ...], ...], *, exact: bool
) -> None:
    found = made(
        "Encounter", "date", value, facts=DateSearchSupport(period_semantics="r4", supports_sa_eb=True)
    )
    assert (found.queries, found.exact) == (queries, exact)


def test_the_exact_basis_gives_way_to_a_superset_when_it_has_too_many_parts() -> None:
    facts = DateSearchSupport(period_semantics="r4", supports_sa_eb=True)
    found = made("Encounter", "date", "ge2024,ge2025,ge2026", facts=facts)
    assert (found.strategy, found.queries) == ("widen+filter", (("ge2024-01-01T00:00:00",),))


def test_partial_dates_are_expected_where_people_remember_by_the_year() -> None:
    assert made("Condition", "onset-date", "gt2024-06-01").queries == (("ge2024-01-01T00:00:00",),)
    assert made("Encounter", "date", "gt2024-06-01", facts=DateSearchSupport()).queries == (
        ("ge2024-06-01T23:59:59",),
    )


def test_a_chain_is_exact_or_refused() -> None:
    assert made("Observation", "subject:Patient.birthdate", "1970").queries == (
        ("ge1970-01-01", "lt1971-01-01"),
    )
    assert made("Observation", "subject.birthdate", "1970").exact
    assert made("Encounter", "diagnosis:Condition.recorded-date", "ge2024").exact
    refused = made("Encounter", "diagnosis:Condition.recorded-date", "2024").problem
    assert refused is not None
    assert refused.kind == "not-supported"
    fold = made("Observation", "encounter:Encounter.date", "ge2024-04-06T15:30:00Z").problem
    assert fold is not None
    assert fold.expression == "http.encounter:Encounter.date"


def test_a_chain_that_ends_in_different_elements_wants_a_type() -> None:
    problem = made("Provenance", "target.date", "2024").problem
    assert problem is not None
    assert "subject:Patient.birthdate" in problem.text
    mixed = made("Observation", "focus.start", "lt2024").problem
    assert mixed is not None
    assert mixed.kind == "not-supported"


def test_a_half_line_in_has_is_sent_and_two_repeats_stay_apart() -> None:
    found = made("Patient", "_has:Observation:patient:date", "ge2024-05", "lt2024-06")
    assert found.queries == (("ge2024-05-01T00:00:00", "lt2024-06-01T00:00:00"),)
    assert found.exact
    assert found.predicate is None
    assert made("Patient", "_has:Observation:patient:_has:Provenance:target:recorded", "lt2024").exact


def test_a_composite_takes_one_condition_in_its_date_part() -> None:
    found = made("Observation", "code-value-date", "http://loinc.org|1$lt2024", "2\\$3$gt2023")
    assert found.queries == (("http://loinc.org|1$lt2024-01-01T00:00:00", "2\\$3$ge2023-12-31T23:59:59"),)
    assert found.filter_predicate is not None
    assert len(found.filter_predicate.repeats) == 2


@pytest.mark.parametrize(
    ("value", "kind"),
    [("a$b$2024", "value"), ("lt2024", "value"), ("a$x", "value"), ("a$ne2024", "not-supported")],
)
def test_other_composites_are_refused(value: str, kind: str) -> None:
    problem = made("Observation", "code-value-date", value).problem
    assert problem is not None
    assert problem.kind == kind


def test_a_composite_behind_a_chain_cannot_be_filtered() -> None:
    assert made("Patient", "_has:Observation:patient:code-value-date", "a$lt2024").exact
    problem = made("Patient", "_has:Observation:patient:code-value-date", "a$ge2024").problem
    assert problem is not None


def test_a_declared_parameter_is_sent_only_where_it_is_exact() -> None:
    known = {("Patient", "seen"): declared_parameter("Patient", "seen")}
    assert made("Patient", "seen", "lt2024", facts=DateSearchSupport(declared_parameters=known)).exact
    refused = made("Patient", "seen", "ge2024", facts=DateSearchSupport(declared_parameters=known)).problem
    assert refused is not None
    facts = DateSearchSupport(declared_parameters=known, date_precision={("Patient", "seen"): "second"})
    assert made("Patient", "seen", "2024", facts=facts).exact


def test_the_reason_says_why_a_filter_is_needed() -> None:
    reasons = {
        "fold": made("Appointment", "date", "ge2024-04-06T15:30:00Z"),
        "fraction": made("Slot", "start", "ge2024-04-06T15:30:00.5"),
        "partial": made(
            "Condition",
            "onset-date",
            "2024-01",
            facts=DateSearchSupport(date_precision={("*", "onset-date"): "mixed-year"}),
        ),
        "Period": made("Encounter", "date", "2024"),
        "repeats": made("MedicationRequest", "date", "2024"),
        "gaps": made("Appointment", "date", "2024-01-01,2024-01-03,2024-01-05,2024-01-07,2024-01-09"),
    }
    assert len({each.reason for each in reasons.values()}) == len(reasons)
    assert all(each.strategy == "widen+filter" for each in reasons.values())


def test_explained_shows_meaning_queries_and_reason() -> None:
    lines = explain_plan(made("Appointment", "date", "ne2024-05-01T10:00:00.25Z,gt9999"))
    assert lines[0] == "date: single"
    assert (
        "ne [2024-05-01T10:00:00.25, 2024-05-01T10:00:00.26) UTC or gt [9999-01-01T00:00:00, +inf)"
        in lines[1]
    )
    assert lines[2].startswith("query 1: date=")
    assert lines[-2:] == ("filter: no", "why: One range on one value, which ge and lt select exactly.")
    assert explain_plan(made("Encounter", "date", "ne2024"))[2] == "query 1: (no condition)"
    assert "too-costly" not in explain_plan(made("Appointment", "date", "x"))[-1]


@pytest.mark.parametrize(
    ("text", "sent", "exact"),
    [
        ("2024-05-01T10:00:00+10:00", "2024-05-01T10:00:00", True),
        ("2024-05-01T00:00:00.5Z", "2024-05-01T10:00:00", False),
        ("2024-04-06T15:30:00Z", "2024-04-07T02:00:00", False),
    ],
)
def test_since_is_one_bare_second(text: str, sent: str, *, exact: bool) -> None:
    found = history_since(text, DateSearchSupport(), SYDNEY)
    assert (found.queries, found.exact) == (((sent,),), exact)


@pytest.mark.parametrize("text", ["ge2024", "now", "0001-01-01T00:00:00+01:00"])
def test_since_and_operations_refuse_what_is_no_plain_date(text: str) -> None:
    for found in (history_since(text, DateSearchSupport(), SYDNEY), operation_date("start", text, SYDNEY)):
        assert found.problem is not None
        assert found.problem.kind == "value"


@pytest.mark.parametrize(
    ("name", "text", "sent"),
    [
        ("start", "2024", "2024-01-01"),
        ("end", "2024", "2024-12-31"),
        ("end", "2024-02", "2024-02-29"),
        ("start", "2024-05-01T20:00:00Z", "2024-05-02"),
        ("end", "2024-05-01T10:00:00.5", "2024-05-01"),
    ],
)
def test_operations_take_days_of_the_site(name: str, text: str, sent: str) -> None:
    assert operation_date(name, text, SYDNEY).queries == ((sent,),)


def test_the_floor_is_a_fact() -> None:
    facts = DateSearchSupport(date_precision={("*", "date"): "second"}, earliest_date=date(1900, 1, 1))
    assert made("Appointment", "date", "ge1850", facts=facts).queries == (("ge1900-01-01T00:00:00",),)


def test_parts_that_a_partial_date_may_be_in_twice_are_said_to_overlap() -> None:
    found = plan_parameter(
        "Immunization",
        "date",
        ["ne2025-08-29T14:00:01Z"],
        DateSearchSupport(),
        load_zone("Australia/Brisbane"),
        NOW,
    )
    assert found is not None
    assert (len(found.queries), found.exact, found.dedupe) == (2, False, True)
