"""Wall clocks: folds, gaps, half hours, and zones with daylight saving in the past."""

import os
from datetime import UTC, datetime

import pytest
from dates.date_oracle import changes, offset
from hypothesis import given
from hypothesis import strategies as st

from gateway.dates.timezones import (
    instants_at,
    load_zone,
    offset_at,
    utc_high,
    utc_low,
    wall_high,
    wall_image,
    wall_low,
)


def seconds(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


def wall_bounds(name: str, instant: str) -> tuple[object, object]:
    site = load_zone(f"Australia/{name}")
    return wall_low(site, seconds(instant)), wall_high(site, seconds(instant))


@pytest.mark.parametrize(
    ("name", "instant", "low", "high"),
    [
        ("Sydney", "2024-04-06T14:59:59", "2024-04-07T01:59:59", "2024-04-07T01:59:59"),
        ("Sydney", "2024-04-06T15:00:00", "2024-04-07T02:00:00", "2024-04-07T02:00:00"),
        ("Sydney", "2024-04-06T15:30:00", "2024-04-07T02:00:00", "2024-04-07T02:30:00"),
        ("Sydney", "2024-04-06T16:00:00", "2024-04-07T02:00:00", "2024-04-07T03:00:00"),
        ("Sydney", "2024-04-06T16:30:00", "2024-04-07T02:30:00", "2024-04-07T03:00:00"),
        ("Sydney", "2024-04-06T17:00:00", "2024-04-07T03:00:00", "2024-04-07T03:00:00"),
        ("Sydney", "2024-10-05T15:59:59", "2024-10-06T01:59:59", "2024-10-06T01:59:59"),
        ("Sydney", "2024-10-05T16:00:00", "2024-10-06T03:00:00", "2024-10-06T03:00:00"),
        ("Adelaide", "2024-04-06T16:00:00", "2024-04-07T02:00:00", "2024-04-07T02:30:00"),
        ("Broken_Hill", "2024-04-06T16:00:00", "2024-04-07T02:00:00", "2024-04-07T02:30:00"),
        ("Lord_Howe", "2024-04-06T14:45:00", "2024-04-07T01:30:00", "2024-04-07T01:45:00"),
        ("Lord_Howe", "2024-04-06T15:15:00", "2024-04-07T01:45:00", "2024-04-07T02:00:00"),
        ("Brisbane", "1990-01-15T00:00:00", "1990-01-15T11:00:00", "1990-01-15T11:00:00"),
        ("Brisbane", "1990-03-03T15:30:00", "1990-03-04T02:00:00", "1990-03-04T02:30:00"),
        ("Perth", "2007-01-15T00:00:00", "2007-01-15T09:00:00", "2007-01-15T09:00:00"),
        ("Perth", "2024-04-06T16:00:00", "2024-04-07T00:00:00", "2024-04-07T00:00:00"),
    ],
)
def test_wall_bounds_of_instant(name: str, instant: str, low: str, high: str) -> None:
    assert wall_bounds(name, instant) == (seconds(low), seconds(high))


@pytest.mark.parametrize(
    ("name", "wall", "low", "high"),
    [
        ("Sydney", "2024-10-06T02:30:00", "2024-10-05T16:00:00", "2024-10-05T16:00:00"),
        ("Sydney", "2024-04-07T02:30:00", "2024-04-06T15:30:00", "2024-04-06T16:30:00"),
        ("Sydney", "2024-04-07T03:00:00", "2024-04-06T17:00:00", "2024-04-06T17:00:00"),
        ("Lord_Howe", "2024-10-06T02:15:00", "2024-10-05T15:30:00", "2024-10-05T15:30:00"),
        ("Darwin", "2024-10-06T02:15:00", "2024-10-05T16:45:00", "2024-10-05T16:45:00"),
    ],
)
def test_utc_bounds_of_wall_time(name: str, wall: str, low: str, high: str) -> None:
    site = load_zone(f"Australia/{name}")
    assert (utc_low(site, seconds(wall)), utc_high(site, seconds(wall))) == (seconds(low), seconds(high))


def test_wall_time_has_two_instants_in_fold() -> None:
    sydney = load_zone("Australia/Sydney")
    assert instants_at(sydney, seconds("2024-04-07T02:00:00")) == (
        seconds("2024-04-06T15:00:00"),
        seconds("2024-04-06T16:00:00"),
    )
    assert instants_at(sydney, seconds("2024-10-06T02:30:00")) == ()


def test_wall_image_is_tight() -> None:
    sydney = load_zone("Australia/Sydney")
    first = seconds("2024-04-06T15:30:00")
    assert wall_image(sydney, first, first + 60) == (
        seconds("2024-04-07T02:30:00"),
        seconds("2024-04-07T02:31:00"),
    )
    last = seconds("2024-04-06T15:59:00")
    assert wall_image(sydney, last, last + 60) == (
        seconds("2024-04-07T02:59:00"),
        seconds("2024-04-07T03:00:00"),
    )
    assert wall_image(sydney, first, first + 3 * 86400)[0] == seconds("2024-04-07T02:00:00")


@given(st.sampled_from(("Sydney", "Lord_Howe", "Adelaide")), st.data())
def test_bounds_equal_scan_of_minutes_around_change(name: str, data: st.DataObject) -> None:
    site = load_zone(f"Australia/{name}")
    change = data.draw(st.sampled_from(changes(name)))
    x = change + 60 * data.draw(st.integers(-120, 120))
    minutes = range(change - 6 * 3600, change + 6 * 3600, 60)
    walls = {t: t + offset(name, t) for t in minutes}
    assert wall_low(site, x) == min(wall for t, wall in walls.items() if t >= x)
    assert utc_low(site, x + 36000) == min(
        (t for t, wall in walls.items() if wall >= x + 36000), default=utc_low(site, x + 36000)
    )
    before = max(wall for t, wall in walls.items() if t < x) + 60
    assert wall_high(site, x) in (before, x + offset(name, x))
    assert offset_at(site, x) == offset(name, x)


@pytest.mark.parametrize(
    "name",
    [
        "Australia/Atlantis",
        "",
        "/etc/localtime",
        "../zoneinfo/UTC",
        "Australia",
        "zone.tab",
        "Australia//Perth",
        "A" * 10_000,
        "A/" * 10_000,
        "A\0",
    ],
)
def test_unknown_zone_raises(name: str) -> None:
    with pytest.raises(ValueError, match="IANA name"):
        load_zone(name)


def test_zones_come_from_package() -> None:
    assert load_zone("Australia/Perth") is load_zone("Australia/Perth")
    assert load_zone("Australia/Perth").key == "Australia/Perth"
    assert not os.environ.get("PYTHONTZPATH")


def test_first_and_last_days_have_offset() -> None:
    assert offset_at(load_zone("Australia/Sydney"), seconds("9999-12-31T23:59:59")) == 39600
    assert offset_at(load_zone("Australia/Sydney"), seconds("0001-01-01T00:00:00")) == 36292
