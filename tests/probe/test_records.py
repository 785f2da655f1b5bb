"""Sampled records."""

from typing import Any

import pytest
from probe.probing import evidence_with, observation

from gateway.dates.timezones import load_zone
from gateway.probe.records import (
    longest_period,
    parameter_values,
    parse_moment,
    partial_date_record,
    point_record,
)

SYDNEY = load_zone("Australia/Sydney")


@pytest.mark.parametrize(
    ("text", "hours"),
    [
        ("2026-01-10T09:30:00+11:00", 11),
        ("2026-07-10T09:30:00+10:00", 10),
        ("2026-07-09T23:30:00Z", 10),
        ("2026-07-10T09:30:00", 10),
        ("2026-01-10T09:30:00.5", 11),
    ],
)
def test_time_is_read_on_both_clocks(text: str, hours: int) -> None:
    moment = parse_moment(text, SYDNEY)
    assert moment
    assert moment.seconds_on("site") - moment.seconds_on("utc") == hours * 3600
    assert moment.seconds_on("site") % 86_400 == 9.5 * 3600
    assert moment.has_fraction == ("." in text)


@pytest.mark.parametrize(
    "text",
    ["2026-07-10", "2026", "soon", None, 5, "2026-04-05T02:30:00", "2026-10-04T02:30:00", "2026-07-10T09:30"],
)
def test_ambiguous_or_imprecise_time_is_not_parsed(text: Any) -> None:
    assert parse_moment(text, SYDNEY) is None


@pytest.mark.parametrize(
    "effective",
    ["2026-07-10", "2026-07-10T00:00:00+10:00", "2026-07-10T10:00:00+10:00", "2026-07-10T09:30:00.1+10:00"],
)
def test_date_with_fraction_or_midnight_is_not_a_point(effective: str) -> None:
    assert point_record(evidence_with(Observation=[observation(effective)])) is None


def test_appointment_replaces_an_unsuitable_observation() -> None:
    appointment = {"id": "7", "start": "2026-07-10T09:30:00+10:00"}
    record = point_record(evidence_with(Observation=[observation("2026")], Appointment=[appointment]))
    assert record
    assert (record.resource_type, record.id) == ("Appointment", "7")


@pytest.mark.parametrize(
    "period", [{}, {"start": "2026-07-10T09:30:00Z"}, {"start": "2026-07-10", "end": "2026-07-11"}]
)
def test_period_without_two_exact_ends_is_not_used(period: dict[str, str]) -> None:
    assert longest_period(evidence_with(Encounter=[{"id": "1", "period": period}])) is None


def test_longest_period_is_selected() -> None:
    encounters = [
        {"id": str(hours), "period": {"start": "2026-07-10T20:00:00Z", "end": f"2026-07-10T{hours}:30:00Z"}}
        for hours in (21, 23, 22)
    ]
    record = longest_period(evidence_with(Encounter=encounters))
    assert record
    assert (record.id, record.duration) == ("23", 3.5 * 3600)


@pytest.mark.parametrize(("onset", "is_partial"), [("2019", True), ("2019-06", True), ("2019-06-01", False)])
def test_year_or_month_is_partial(onset: str, is_partial: bool) -> None:
    record = partial_date_record(evidence_with(Condition=[{"id": "1", "onsetDateTime": onset}]))
    assert (record is not None) == is_partial


def test_values_in_lists_are_found_with_their_type() -> None:
    encounter = {"location": [{"period": {"start": "2026"}}, {}]}
    assert list(parameter_values(encounter, "Encounter", "location-period")) == [
        ("Period", {"start": "2026"})
    ]
    assert list(parameter_values(encounter, "Encounter", "nonsense")) == []
