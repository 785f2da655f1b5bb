from datetime import datetime, timedelta

import pytest
from emulator.data.charts import data, rows

from gateway.emulator.sites import SITES, SYDNEY


@pytest.mark.parametrize("site", SITES)
def test_the_same_local_times_are_booked_around_both_clock_changes(site: str) -> None:
    starts = {each["start"][:16] for each in rows(site, "Slot")}
    for day in ("2026-04-05", "2026-10-04"):
        assert {f"{day}T01:30", f"{day}T03:00", f"{day}T09:00"} <= starts


def test_sydney_has_both_passes_of_the_repeated_hour_and_nothing_in_the_skipped_one() -> None:
    starts = {each["start"] for each in rows(SYDNEY, "Slot")}
    assert {"2026-04-05T02:30:00+11:00", "2026-04-05T02:30:00+10:00"} <= starts
    assert not [start for start in starts if start.startswith("2026-10-04T02:")]


@pytest.mark.parametrize("site", SITES)
def test_a_busy_slot_has_one_appointment_and_a_free_one_none(site: str) -> None:
    booked = [row["slot"][0]["reference"] for row in rows(site, "Appointment")]
    busy = [f"Slot/{row['id']}" for row in rows(site, "Slot") if row["status"] == "busy"]
    assert booked == busy


@pytest.mark.parametrize("site", SITES)
def test_only_cancelled_appointments_are_inactive(site: str) -> None:
    for record in data(site)["Appointment"]:
        assert record.active == (record.resource["status"] != "cancelled")


@pytest.mark.parametrize("site", SITES)
def test_slots_of_half_an_hour_last_half_an_hour_even_over_a_clock_change(site: str) -> None:
    for row in rows(site, "Slot"):
        start, end = (datetime.fromisoformat(row[name]) for name in ("start", "end"))
        assert end - start == timedelta(minutes=30)
