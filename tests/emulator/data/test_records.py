from datetime import UTC, datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

import pytest

from gateway.emulator.data.records import (
    PracticeBuilder,
    format_utc_instant,
    is_ambiguous_wall_time,
    is_valid_wall_time,
    reference_to,
    wall_time_to_instant,
)
from gateway.emulator.sites import BRISBANE, SITES, SYDNEY

SYDNEY_ZONE, BRISBANE_ZONE = SITES[SYDNEY].zone, SITES[BRISBANE].zone


def wall(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("text", "zone", "there", "twice"),
    [
        ("2026-04-05T01:59:59", SYDNEY_ZONE, True, False),
        ("2026-04-05T02:00:00", SYDNEY_ZONE, True, True),
        ("2026-04-05T02:59:59", SYDNEY_ZONE, True, True),
        ("2026-04-05T03:00:00", SYDNEY_ZONE, True, False),
        ("2026-10-04T02:30:00", SYDNEY_ZONE, False, False),
        ("2026-10-04T03:00:00", SYDNEY_ZONE, True, False),
        ("2026-04-05T02:30:00", BRISBANE_ZONE, True, False),
        ("2026-10-04T02:30:00", BRISBANE_ZONE, True, False),
    ],
)
def test_clocks_skip_an_hour_in_october_and_repeat_one_in_april(
    text: str, zone: ZoneInfo, there: bool, twice: bool
) -> None:
    assert is_valid_wall_time(wall(text), zone) is there
    assert is_ambiguous_wall_time(wall(text), zone) is twice


def test_the_second_pass_of_a_repeated_hour_has_the_standard_offset() -> None:
    moment = wall("2026-04-05T02:30:00")
    assert wall_time_to_instant(moment, SYDNEY_ZONE) == "2026-04-05T02:30:00+11:00"
    assert wall_time_to_instant(moment.replace(fold=1), SYDNEY_ZONE) == "2026-04-05T02:30:00+10:00"


@pytest.mark.parametrize(
    ("resource_type", "expected"),
    [
        ("Patient", "2026-03-01T10:20:30Z"),
        ("Observation", "2026-03-01T10:20:30.123Z"),
        ("Appointment", "2026-03-01T10:20:30.123000Z"),
    ],
)
def test_each_type_shows_its_own_number_of_fraction_digits(resource_type: str, expected: str) -> None:
    moment = datetime(2026, 3, 1, 10, 20, 30, 123_000, UTC)
    assert format_utc_instant(moment, resource_type) == expected


def test_records_are_numbered_from_one_in_each_type() -> None:
    chart = PracticeBuilder(SITES[SYDNEY], Random(1))
    made = [chart.add({"resourceType": name}) for name in ("Slot", "Slot", "Binary")]
    assert [reference_to(resource)["reference"] for resource in made] == ["Slot/1", "Slot/2", "Binary/1"]
    assert len(chart.records["Slot"]) == 2


def test_no_change_falls_into_a_repeated_hour() -> None:
    chart = PracticeBuilder(SITES[SYDNEY], Random(2))
    moments = [datetime.fromisoformat(chart.random_last_updated("Patient")) for _ in range(5_000)]
    assert not any(
        is_ambiguous_wall_time(each.astimezone(SYDNEY_ZONE).replace(tzinfo=None), SYDNEY_ZONE)
        for each in moments
    )
    assert max(moments) - min(moments) > timedelta(days=500)
