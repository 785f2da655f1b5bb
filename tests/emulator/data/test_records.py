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
    ("text", "zone", "exists", "ambiguous"),
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
def test_daylight_saving_skips_and_repeats_an_hour(
    text: str, zone: ZoneInfo, exists: bool, ambiguous: bool
) -> None:
    assert is_valid_wall_time(wall(text), zone) is exists
    assert is_ambiguous_wall_time(wall(text), zone) is ambiguous


def test_second_pass_of_ambiguous_hour_has_standard_offset() -> None:
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
def test_fraction_digits_depend_on_type(resource_type: str, expected: str) -> None:
    moment = datetime(2026, 3, 1, 10, 20, 30, 123_000, UTC)
    assert format_utc_instant(moment, resource_type) == expected


def test_records_are_numbered_from_one_per_type() -> None:
    builder = PracticeBuilder(SITES[SYDNEY], Random(1))
    resources = [builder.add({"resourceType": name}) for name in ("Slot", "Slot", "Binary")]
    assert [reference_to(resource)["reference"] for resource in resources] == ["Slot/1", "Slot/2", "Binary/1"]
    assert len(builder.records["Slot"]) == 2


def test_last_updated_is_never_in_ambiguous_hour() -> None:
    builder = PracticeBuilder(SITES[SYDNEY], Random(2))
    moments = [datetime.fromisoformat(builder.random_last_updated("Patient")) for _ in range(5_000)]
    assert not any(
        is_ambiguous_wall_time(moment.astimezone(SYDNEY_ZONE).replace(tzinfo=None), SYDNEY_ZONE)
        for moment in moments
    )
    assert max(moments) - min(moments) > timedelta(days=500)
