"""Matching of resources: element types, open ends, offsets, missing and unreadable values."""

from typing import Any

import pytest

from gateway.dates.matcher import DatePredicate, _parse_or_none, meets_predicate
from gateway.dates.registry import date_parameter
from gateway.dates.timezones import load_zone
from gateway.dates.value import parse_date_value

SYDNEY = load_zone("Australia/Sydney")


def meets(resource: str, code: str, repeats: tuple[str, ...], content: dict[str, Any]) -> bool:
    parameter = date_parameter(resource, code)
    assert parameter is not None
    values = tuple(tuple(parse_date_value(text) for text in repeat.split(",")) for repeat in repeats)
    return meets_predicate(DatePredicate(parameter, values), {"resourceType": resource, **content}, SYDNEY)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        *(
            ("2024-05-01", True),
            ("2024-05-01T10:00", True),
            ("2024-05-01T10:00:00", True),
            ("2024-05-02", False),
        ),
        *(("ne2024-05-01", False), ("ne2024-05-02", True), ("gt2024-05-01", False), ("gt2024-04-30", True)),
        *(("2024-05-01T00:00:00Z", True), ("2024-05-01T10:00:00Z", False), ("sa2024-05-01T09:59:59", True)),
        *(("eb2024-05-01T10:00:00", False), ("ap2024-05-01T10:00", True), ("le2024-05-01T10:00:00.0", True)),
    ],
)
def test_datetime_covers_its_second(value: str, *, expected: bool) -> None:
    assert meets("Task", "modified", (value,), {"lastModified": "2024-05-01T10:00:00+10:00"}) is expected


def test_instant_is_point() -> None:
    resource = {"start": "2024-05-01T10:00:00+10:00"}
    assert meets("Slot", "start", ("2024-05-01T10:00:00.000",), resource)
    assert not meets("Slot", "start", ("eb2024-05-01T10:00:00",), resource)
    assert not meets("Slot", "start", ("2024-05-01T09:59:59",), resource)
    assert meets("Slot", "start", ("ap2024-05-01T10:00:00",), resource)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        *(("", True), ("ne", False), ("gt", False), ("lt", False), ("ge", True), ("le", True)),
        *(("sa", False), ("eb", False), ("ap", True)),
    ],
)
def test_fraction_is_a_point_whatever_its_digits(value: str, *, expected: bool) -> None:
    resource = {"lastModified": "2024-05-01T10:00:00.500+10:00"}
    for fraction in ("5", "500", "5000000"):
        assert meets("Task", "modified", (f"{value}2024-05-01T10:00:00.{fraction}",), resource) is expected
    assert meets("Task", "modified", ("gt2024-05-01T10:00:00.4999999",), resource)
    assert meets("Task", "modified", ("lt2024-05-01T10:00:00.5000001",), resource)


# HAPI, Microsoft, LinuxForHealth and Blaze agree.
def test_ge_and_le_include_a_day_that_shares_one_second() -> None:
    day = {"lastModified": "2018-10-29"}
    assert meets("Task", "modified", ("ge2018-10-29T23:59:59",), day)
    assert meets("Task", "modified", ("le2018-10-29T00:00:00",), day)
    assert not meets("Task", "modified", ("ge2018-10-30T00:00:00",), day)
    assert not meets("Task", "modified", ("le2018-10-28T23:59:59",), day)


def test_partial_date_covers_its_unit() -> None:
    assert meets("Condition", "onset-date", ("2024",), {"onsetDateTime": "2024"})
    assert not meets("Condition", "onset-date", ("2024-01",), {"onsetDateTime": "2024"})
    assert meets("Condition", "onset-date", ("gt2024-06-01T00:00:00Z",), {"onsetDateTime": "2024"})


# A wall time that the clock shows twice matches both instants.
def test_value_without_offset_is_on_site_clock() -> None:
    repeated = {"lastModified": "2024-04-07T02:30:00"}
    assert meets("Task", "modified", ("2024-04-06T15:30:00Z",), repeated)
    assert meets("Task", "modified", ("2024-04-06T16:30:00Z",), repeated)
    assert not meets("Task", "modified", ("2024-04-06T17:30:00Z",), repeated)
    assert meets("Task", "modified", ("2024-10-05T16:00:00Z",), {"lastModified": "2024-10-06T02:30:00"})


@pytest.mark.parametrize(
    ("period", "value", "expected"),
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
def test_period_may_have_open_ends(period: Any, value: str, *, expected: bool) -> None:
    assert meets("Encounter", "date", (value,), {"period": period}) is expected


def test_timing_covers_its_outer_limits() -> None:
    timing = {"event": ["2024-05-09", "2024-05-01"], "repeat": {"boundsPeriod": {"end": "2024-06"}}}
    assert meets("Observation", "date", ("lt2020",), {"effectiveTiming": timing})
    del timing["repeat"]
    assert meets("Observation", "date", ("2024-05",), {"effectiveTiming": timing})
    assert not meets("Observation", "date", ("2024-05-05",), {"effectiveTiming": timing})
    assert not meets("Observation", "date", ("ne2024",), {"effectiveTiming": {"repeat": {"count": 1}}})


def test_any_repetition_may_meet_each_repeat() -> None:
    reactions = {"reaction": [{"date": "2020-01-01"}, {"date": "2024-01-01"}, {}]}
    assert meets("Immunization", "reaction-date", ("2020", "2024"), reactions)
    assert meets("Immunization", "reaction-date", ("1999,2024",), reactions)
    assert not meets("Immunization", "reaction-date", ("2020", "2022"), reactions)


@pytest.mark.parametrize("content", [None, 5, "", "yesterday", "ge2024", ["x"], {}])
def test_missing_or_unreadable_value_meets_no_condition(content: Any) -> None:
    for value in ("ne2024", "lt9999", "ge0001"):
        assert not meets("Slot", "start", (value,), {"start": content})
        assert not meets("Task", "modified", (value,), {"lastModified": content})
    assert not meets("Slot", "start", ("ne2024",), {})
    assert not meets("Patient", "_lastUpdated", ("ne2024",), {"meta": "x"})


def test_long_stored_text_is_not_kept() -> None:
    before = _parse_or_none.cache_info().currsize
    long_text = "2024-05-01T10:00:00." + "0" * 10_000 + "+10:00"
    assert meets("Task", "modified", ("2024-05-01",), {"lastModified": long_text}) in {True, False}
    assert _parse_or_none.cache_info().currsize == before
