"""Dates of operations and histories: exact, or refused."""

from dataclasses import replace

import pytest
from support.requests import NOW, SITE

from gateway.dates.plan import DatePlan
from gateway.dates.support import ClockZone, DateSearchSupport, ParameterKey
from gateway.dates.timezones import load_zone
from gateway.exchange import Site
from gateway.fhir.interaction import interaction_for
from gateway.search.operation_dates import (
    OPERATION_DATES,
    Meaning,
    looks_like_date,
    plan_date,
    plan_history_parameter,
    plan_operation_parameter,
)

UNCHANGED = None


def operation_plan(path: str, name: str, *values: str, site: Site = SITE) -> DatePlan | None:
    interaction = interaction_for("GET", path)
    assert interaction is not None
    return plan_operation_parameter(interaction, name, values, site, NOW)


def outcome(plan: DatePlan | None) -> str | None:
    """The value that is sent, the kind of the problem, or None for the client's own value."""
    if plan is None:
        return UNCHANGED
    if plan.problem:
        return plan.problem.kind
    assert plan.exact
    ((text,),) = plan.queries
    return text


def sent(path: str, name: str, *values: str) -> str | None:
    return outcome(operation_plan(path, name, *values))


@pytest.mark.parametrize(
    ("meaning", "text", "expected"),
    [
        ("first-day", "2024", "2024-01-01"),
        ("first-day", "2024-02", "2024-02-01"),
        ("first-day", "2024-02-03", UNCHANGED),
        ("first-day", "0001-01-01", UNCHANGED),
        ("first-day", "9999-12-31", UNCHANGED),
        ("last-day", "2024-02-03", UNCHANGED),
        ("last-day", "0001-01-01", UNCHANGED),
        ("last-day", "9999-12-31", UNCHANGED),
        ("last-day", "2024-02-30", "value"),
        ("first-day", "0000-01-01", "value"),
        ("first-day", "2024-05-01T00:00:00+10:00", "2024-05-01"),
        ("first-day", "2024-04-30T14:00:00Z", "2024-05-01"),
        ("first-day", "2024-05-01T09:00:00+10:00", "not-supported"),
        ("first-day", "2024-05-01T00:00:00.5+10:00", "not-supported"),
        ("last-day", "2024", "2024-12-31"),
        ("last-day", "2024-02", "2024-02-29"),
        ("last-day", "2024-05-01T23:59:59+10:00", "2024-05-01"),
        ("last-day", "2024-05-01T23:59:59.999+10:00", "2024-05-01"),
        ("last-day", "2024-05-01T23:59", "2024-05-01"),
        ("last-day", "2024-05-01T10:00:00+10:00", "not-supported"),
        ("last-day", "2024-05-02T00:00:00+10:00", "not-supported"),
        ("since", "2024-05-01T00:00:00Z", "2024-05-01T10:00:00"),
        ("since", "2024-05-01T00:00:00.000Z", "2024-05-01T10:00:00"),
        ("since", "2024-05-01", "2024-05-01T00:00:00"),
        ("since", "2024-05-01T00:00:00.123Z", "not-supported"),
        ("since", "2024-04-06T15:30:00Z", "not-supported"),
        ("time", "2024-05-01", UNCHANGED),
        ("time", "2024-05-01T10:00:00", UNCHANGED),
        ("time", "2024-05-01T00:00:00Z", "2024-05-01T10:00:00"),
        ("time", "2024-01-01T00:00:00Z", "2024-01-01T11:00:00"),
        ("time", "2024-05-01T00:00:00 02:00", "2024-05-01T08:00:00"),
        ("time", "2024-05-01T00:00:00.0000000Z", "2024-05-01T10:00:00"),
        ("time", "2024-05-01T00:00:00.5Z", "not-supported"),
        ("time", "2024-05-01T10:00", "not-supported"),
        ("time", "2024-05-01T00:00Z", "not-supported"),
        ("time", "2024-05", "not-supported"),
        ("time", "2024", "not-supported"),
        ("time", "2024-04-06T15:30:00Z", "not-supported"),
    ],
)
def test_date_is_exact_or_refused(meaning: Meaning, text: str, expected: str | None) -> None:
    """The clock of Sydney shows 2:30 of 7 April 2024 twice."""
    assert outcome(plan_date("start", text, meaning, SITE)) == expected


@pytest.mark.parametrize("meaning", ["first-day", "last-day", "since", "time"])
@pytest.mark.parametrize(
    "text", ["ge2024-05-01", "now", "2024-13-01", "0001-01-01T00:00:00+14:00", "9999-12-31T20:00:00Z", "9999"]
)
def test_text_that_is_no_date_of_the_calendar_is_refused(meaning: Meaning, text: str) -> None:
    plan = plan_date("start", text, meaning, SITE)
    assert plan is not None
    assert plan.problem is not None
    assert (plan.problem.kind, plan.problem.expression) == ("value", "http.start")


@pytest.mark.parametrize(
    ("path", "name", "text", "expected"),
    [
        ("Patient/1/$everything", "start", "2024-05", "2024-05-01"),
        ("Patient/1/$everything", "end", "2024-05", "2024-05-31"),
        ("Patient/1/$everything", "_since", "2024-05-01T00:00:00Z", "2024-05-01T10:00:00"),
        ("DocumentReference/$docref", "end", "2024-05", "2024-05-31"),
        ("Slot/$find-free", "end", "2024-05-01T00:00:00Z", "2024-05-01T10:00:00"),
        ("Appointment/$waitlist", "onOrBefore", "2024-05-01T00:00:00Z", "2024-05-01T10:00:00"),
        ("Patient/$export", "_since", "2024-05-01T00:00:00Z", "2024-05-01T10:00:00"),
    ],
)
def test_known_parameter_has_its_meaning(path: str, name: str, text: str, expected: str) -> None:
    assert sent(path, name, text) == expected


@pytest.mark.parametrize(("operation", "name"), OPERATION_DATES)
def test_every_listed_parameter_refuses_a_fraction_of_a_second(operation: str, name: str) -> None:
    assert sent(f"Patient/${operation}", name, "2024-05-01T10:00:00.25+10:00") == "not-supported"


def test_parameter_given_twice_is_refused_and_an_empty_one_passes() -> None:
    assert sent("Slot/$find-free", "start", "2024-05-01", "2024-05-02") == "value"
    assert sent("Slot/$find-free", "start", "") is UNCHANGED


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("periodStart", "2024-05-01", UNCHANGED),
        ("periodStart", "2024-05-01T10:00:00", UNCHANGED),
        ("periodStart", "ge2024-05-01", UNCHANGED),
        ("periodStart", "2024-05-01T10:00:00Z", "not-supported"),
        ("periodStart", "ge2024-05-01T10:00:00+10:00", "not-supported"),
        ("periodStart", "2024-05-01,2024-05-01T10:00:00Z", "not-supported"),
        ("periodStart", "2024-05", "not-supported"),
        ("_since", "2024", "not-supported"),
        ("max", "2024", UNCHANGED),
        ("_count", "1000", UNCHANGED),
        ("identifier", "2024-05", UNCHANGED),
        ("_id", "2024-05-01T10:00:00Z", UNCHANGED),
        ("code", "1234-56", UNCHANGED),
        ("patient", "Patient/2024-05", UNCHANGED),
    ],
)
def test_unknown_parameter_passes_only_as_the_upstream_accepts_it(
    name: str, text: str, expected: str | None
) -> None:
    assert sent("Measure/$evaluate-measure", name, text) == expected


def test_refusal_of_an_unknown_parameter_does_not_repeat_its_name() -> None:
    plan = operation_plan("Patient/$match", "Zzyzx", "2024-05-01T10:00:00Z")
    assert plan is not None
    assert plan.problem is not None
    assert "Zzyzx" not in plan.problem.text + plan.problem.expression


def test_last_observations_take_the_criteria_of_a_search() -> None:
    plan = operation_plan("Observation/$lastn", "_lastUpdated", "ge2024-05-01T00:00:00Z")
    assert plan is not None
    assert plan.queries == (("ge2024-05-01T10:00:00",),)
    assert operation_plan("Observation/$lastn", "max", "2024") is UNCHANGED


def test_since_is_refused_where_types_have_several_clocks() -> None:
    zones: dict[ParameterKey, ClockZone] = {("*", "_lastUpdated"): "site"}
    other: dict[ParameterKey, ClockZone] = {("Observation", "_lastUpdated"): load_zone("UTC")}
    site = replace(SITE, date_support=DateSearchSupport(column_time_zones=zones | other))
    plan = operation_plan("Patient/1/$everything", "_since", "2024-05-01T00:00:00Z", site=site)
    assert outcome(plan) == "not-supported"
    support = DateSearchSupport(
        column_time_zones={("*", "*"): load_zone("UTC")}, label_meanings={"*": "exact"}
    )
    everywhere = replace(site, date_support=support)
    plan = operation_plan("Patient/1/$everything", "_since", "2024-05-01T00:00:00Z", site=everywhere)
    assert outcome(plan) == "2024-05-01T00:00:00"


def history_plan(name: str, *values: str) -> DatePlan | None:
    interaction = interaction_for("GET", "Patient/1/_history")
    assert interaction is not None
    return plan_history_parameter(interaction, name, values, SITE)


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("_since", "2024-05-01T00:00:00Z", "2024-05-01T10:00:00"),
        ("_at", "2024-05-01T00:00:00Z", "2024-05-01T10:00:00"),
        ("_at", "2024-05-01", UNCHANGED),
        ("_at", "2024-05", "not-supported"),
        ("_at", "", "value"),
        ("_since", "9999-12-31T20:00:00Z", "value"),
        ("_count", "2024-05-01", UNCHANGED),
    ],
)
def test_dates_of_a_history(name: str, text: str, expected: str | None) -> None:
    assert outcome(history_plan(name, text)) == expected


def test_date_of_a_history_is_given_once() -> None:
    assert outcome(history_plan("_since", "2024-05-01", "2024-05-02")) == "value"


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("x", "2024-05-01", True),
        ("x", "2024", False),
        ("start", "2024", True),
        ("identifier", "2024-05-01", False),
        ("x", "2024-05-99", False),
    ],
)
def test_value_looks_like_a_date(name: str, text: str, *, expected: bool) -> None:
    assert looks_like_date(name, text) == expected


def test_since_is_refused_where_the_clock_is_unknown() -> None:
    site = replace(SITE, date_support=DateSearchSupport())
    plan = operation_plan("Patient/1/$everything", "_since", "2024-05-01T00:00:00Z", site=site)
    assert plan is not UNCHANGED
    assert plan.problem is not None
    assert "column_time_zones" in plan.problem.text
