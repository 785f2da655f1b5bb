"""Which resources meet a search: element types, open ends, offsets, what is missing or unreadable."""

from typing import Any

import pytest

from gateway.dates.matcher import DatePredicate, meets_predicate
from gateway.dates.registry import date_parameter
from gateway.dates.timezones import load_zone
from gateway.dates.value import parse_date_value

SYDNEY = load_zone("Australia/Sydney")


def met(resource: str, code: str, repeats: tuple[str, ...], content: dict[str, Any]) -> bool:
    parameter = date_parameter(resource, code)
    assert parameter is not None
    values = tuple(tuple(parse_date_value(each) for each in repeat.split(",")) for repeat in repeats)
    return meets_predicate(DatePredicate(parameter, values), {"resourceType": resource, **content}, SYDNEY)


@pytest.mark.parametrize(
    ("value", "matching"),
    [
        *(
            ("2024-05-01", True),
            ("2024-05-01T10:00", True),
            ("2024-05-01T10:00:00", True),
            ("2024-05-02", False),
        ),
        *(("ne2024-05-01", False), ("ne2024-05-02", True), ("gt2024-05-01", False), ("gt2024-04-30", True)),
        *(("2024-05-01T00:00:00Z", True), ("2024-05-01T10:00:00Z", False), ("sa2024-05-01T09:59:59", True)),
        *(("eb2024-05-01T10:00:00", False), ("ap2024-05-01T10:00", True), ("le2024-05-01T10:00:00.0", False)),
    ],
)
def test_a_datetime_is_its_second(value: str, *, matching: bool) -> None:
    assert met("Task", "modified", (value,), {"lastModified": "2024-05-01T10:00:00+10:00"}) is matching


def test_an_instant_is_a_point() -> None:
    resource = {"start": "2024-05-01T10:00:00+10:00"}
    assert met("Slot", "start", ("2024-05-01T10:00:00.000",), resource)
    assert not met("Slot", "start", ("eb2024-05-01T10:00:00",), resource)
    assert not met("Slot", "start", ("2024-05-01T09:59:59",), resource)
    assert met("Slot", "start", ("ap2024-05-01T10:00:00",), resource)


def test_a_partial_date_is_its_whole_unit() -> None:
    assert met("Condition", "onset-date", ("2024",), {"onsetDateTime": "2024"})
    assert not met("Condition", "onset-date", ("2024-01",), {"onsetDateTime": "2024"})
    assert met("Condition", "onset-date", ("gt2024-06-01T00:00:00Z",), {"onsetDateTime": "2024"})


def test_a_value_without_offset_is_the_sites_wall_clock_and_may_be_both_passes() -> None:
    twice = {"lastModified": "2024-04-07T02:30:00"}
    assert met("Task", "modified", ("2024-04-06T15:30:00Z",), twice)
    assert met("Task", "modified", ("2024-04-06T16:30:00Z",), twice)
    assert not met("Task", "modified", ("2024-04-06T17:30:00Z",), twice)
    assert met("Task", "modified", ("2024-10-05T16:00:00Z",), {"lastModified": "2024-10-06T02:30:00"})


@pytest.mark.parametrize(
    ("period", "value", "matching"),
    [
        ({"start": "2024-05-01", "end": "2024-05-03"}, "2024-05", True),
        ({"start": "2024-05-01", "end": "2024-05-03"}, "2024-05-02", False),
        ({"start": "2024-05-01", "end": "2024-05-03"}, "gt2024-05-03T10:00", True),
        ({"start": "2024-05-01"}, "gt2099", True),
        ({"start": "2024-05-01"}, "2024", False),
        ({"end": "2024-05-01"}, "lt0002", True),
        ({"end": "2024-05-01"}, "eb2024-05-02", True),
        ({}, "ne2024", False),
        ({"start": "soon", "end": "2024-05-01"}, "ne2024", False),
        ("2024", "2024", False),
    ],
)
def test_a_period_has_two_ends_that_may_be_open(period: Any, value: str, *, matching: bool) -> None:
    assert met("Encounter", "date", (value,), {"period": period}) is matching


def test_a_timing_is_its_outer_limits() -> None:
    timing = {"event": ["2024-05-09", "2024-05-01"], "repeat": {"boundsPeriod": {"end": "2024-06"}}}
    assert met("Observation", "date", ("lt2020",), {"effectiveTiming": timing})
    del timing["repeat"]
    assert met("Observation", "date", ("2024-05",), {"effectiveTiming": timing})
    assert not met("Observation", "date", ("2024-05-05",), {"effectiveTiming": timing})
    assert not met("Observation", "date", ("ne2024",), {"effectiveTiming": {"repeat": {"count": 1}}})


def test_every_repeat_must_be_met_but_by_any_repetition() -> None:
    reactions = {"reaction": [{"date": "2020-01-01"}, {"date": "2024-01-01"}, {}]}
    assert met("Immunization", "reaction-date", ("2020", "2024"), reactions)
    assert met("Immunization", "reaction-date", ("1999,2024",), reactions)
    assert not met("Immunization", "reaction-date", ("2020", "2022"), reactions)


@pytest.mark.parametrize("shown", [None, 5, "", "yesterday", "ge2024", ["x"], {}])
def test_a_missing_or_unreadable_value_meets_nothing(shown: Any) -> None:
    for value in ("ne2024", "lt9999", "ge0001"):
        assert not met("Slot", "start", (value,), {"start": shown})
        assert not met("Task", "modified", (value,), {"lastModified": shown})
    assert not met("Slot", "start", ("ne2024",), {})
    assert not met("Patient", "_lastUpdated", ("ne2024",), {"meta": "x"})
