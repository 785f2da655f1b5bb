from typing import Any

import pytest
from probe.probing import known, observation

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
def test_a_time_is_read_on_both_clocks(text: str, hours: int) -> None:
    at = parse_moment(text, SYDNEY)
    assert at
    assert at.seconds_on("site") - at.seconds_on("utc") == hours * 3600
    assert at.seconds_on("site") % 86_400 == 9.5 * 3600
    assert at.has_fraction == ("." in text)


@pytest.mark.parametrize(
    "text",
    ["2026-07-10", "2026", "soon", None, 5, "2026-04-05T02:30:00", "2026-10-04T02:30:00", "2026-07-10T09:30"],
)
def test_what_is_no_certain_second_is_not_asked_about(text: Any) -> None:
    assert parse_moment(text, SYDNEY) is None


@pytest.mark.parametrize(
    "effective",
    ["2026-07-10", "2026-07-10T00:00:00+10:00", "2026-07-10T10:00:00+10:00", "2026-07-10T09:30:00.1+10:00"],
)
def test_a_point_shows_no_fraction_and_is_midnight_on_neither_clock(effective: str) -> None:
    assert point_record(known(Observation=[observation(effective)])) is None


def test_an_appointment_will_do_where_no_observation_does() -> None:
    appointment = {"id": "7", "start": "2026-07-10T09:30:00+10:00"}
    found = point_record(known(Observation=[observation("2026")], Appointment=[appointment]))
    assert found
    assert (found.resource_type, found.id) == ("Appointment", "7")


@pytest.mark.parametrize(
    "period", [{}, {"start": "2026-07-10T09:30:00Z"}, {"start": "2026-07-10", "end": "2026-07-11"}]
)
def test_a_period_needs_both_ends_to_the_second(period: dict[str, str]) -> None:
    from gateway.probe import records

    assert records.longest_period(known(Encounter=[{"id": "1", "period": period}])) is None


def test_the_longest_period_is_asked_about() -> None:
    rows = [
        {"id": str(hours), "period": {"start": "2026-07-10T20:00:00Z", "end": f"2026-07-10T{hours}:30:00Z"}}
        for hours in (21, 23, 22)
    ]
    found = longest_period(known(Encounter=rows))
    assert found
    assert (found.id, found.duration) == ("23", 3.5 * 3600)


@pytest.mark.parametrize(("onset", "asked"), [("2019", True), ("2019-06", True), ("2019-06-01", False)])
def test_a_bare_year_or_month_is_partial(onset: str, asked: bool) -> None:
    assert (partial_date_record(known(Condition=[{"id": "1", "onsetDateTime": onset}])) is not None) == asked


def test_elements_are_read_by_their_type_through_lists() -> None:
    row = {"location": [{"period": {"start": "2026"}}, {}]}
    assert list(parameter_values(row, "Encounter", "location-period")) == [("Period", {"start": "2026"})]
    assert list(parameter_values(row, "Encounter", "nonsense")) == []
