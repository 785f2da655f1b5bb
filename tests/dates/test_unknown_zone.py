"""Dates at a server whose zone is unknown: what some zone makes a match stays, and nothing else if it can."""

from itertools import product
from zoneinfo import ZoneInfo

import pytest

from gateway.dates.matcher import DatePredicate, meets_predicate
from gateway.dates.registry import date_parameter
from gateway.dates.unknown_zone import may_meet_predicate
from gateway.dates.value import parse_date_value

PREFIXES = ("eq", "ne", "gt", "lt", "ge", "le", "sa", "eb")
ZONES = [
    ZoneInfo(name)
    for name in ("Etc/GMT+12", "America/New_York", "UTC", "Australia/Sydney", "Asia/Kathmandu", "Etc/GMT-14")
]
SEARCHED = ("2024", "2024-01", "2024-01-01", "2024-01-01T09:00", "2024-01-01T09:00:00+11:00")
STORED = (
    "2023-12-30T11:00:00Z",
    "2023-12-31T12:00:00Z",
    "2023-12-31T22:00:00Z",
    "2023-12-31T22:00:00.5Z",
    "2024-01-01T09:00:00+11:00",
    "2024-01-02T08:00:00Z",
    "2024-01-03T13:00:00Z",
    "2024-01-01",
    "2024-01",
)


def predicate_of(value: str, resource: str = "Observation", code: str = "date") -> DatePredicate:
    parameter = date_parameter(resource, code)
    assert parameter
    return DatePredicate(parameter, ((parse_date_value(value),),))


@pytest.mark.parametrize("value", SEARCHED)
@pytest.mark.parametrize("prefix", PREFIXES)
def test_match_in_any_zone_stays(prefix: str, value: str) -> None:
    predicate = predicate_of(prefix + value)
    periods = [{"effectivePeriod": {"start": a, "end": b}} for a, b in product(STORED, STORED)]
    points = [{"effectiveDateTime": stored} for stored in STORED]
    for resource in (*points, *periods, {"effectivePeriod": {"start": STORED[0]}}):
        if any(meets_predicate(predicate, resource, zone) for zone in ZONES):
            assert may_meet_predicate(predicate, resource), resource


@pytest.mark.parametrize(
    ("value", "stored", "stays"),
    [
        ("2024-01-01", "2023-12-31T22:00:00Z", True),
        ("2024-01-01", "2023-12-31T09:59:59Z", False),
        ("2024-01-01", "2024-01-02T12:00:00Z", False),
        ("2024-01-01", "2024-01-02T11:59:00Z", True),
        ("ne2024", "2024-06-01T00:00:00Z", False),
        ("ne2024-01-01", "2024-01-01T00:00:00Z", True),
        ("gt2024-01-01", "2024-01-01T09:00:00Z", False),
        ("gt2024-01-01", "2024-01-01T11:00:00Z", True),
        ("lt2024-01-01", "2024-01-01T13:00:00Z", False),
        ("lt2024-01-01", "2024-01-01T11:00:00Z", True),
        ("2024-01-01", "2024-01-01", True),
        ("2024-01-01", "2024-01-02", False),
        ("2024-01-01T09:00:00+11:00", "2023-12-31T22:00:00Z", True),
        ("2024-01-01T09:00:00+11:00", "2023-12-31T22:00:01Z", False),
    ],
)
def test_record_goes_only_if_it_matches_nowhere(value: str, stored: str, stays: bool) -> None:
    assert may_meet_predicate(predicate_of(value), {"effectiveDateTime": stored}) is stays


def test_period_wider_than_the_search_is_never_within() -> None:
    period = {"start": "2023-12-31T20:00:00Z", "end": "2024-01-02T02:00:00Z"}
    assert not may_meet_predicate(predicate_of("2024-01-01"), {"effectivePeriod": period})
    assert may_meet_predicate(predicate_of("ne2024-01-01"), {"effectivePeriod": period})


@pytest.mark.parametrize("value", ["1980", "1980-05", "1980-05-02", "ne1980-05", "gt1980-05-02"])
def test_dates_without_time_are_compared_exactly(value: str) -> None:
    predicate = predicate_of(value, "Patient", "birthdate")
    for stored in ("1980", "1980-05", "1980-05-01", "1980-05-02", "1980-05-03", "1981"):
        resource = {"birthDate": stored}
        assert may_meet_predicate(predicate, resource) is meets_predicate(predicate, resource, ZONES[0])


def test_missing_date_meets_nothing() -> None:
    assert not may_meet_predicate(predicate_of("ne2024"), {})
