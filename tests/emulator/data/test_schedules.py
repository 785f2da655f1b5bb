from datetime import datetime, timedelta

import pytest
from emulator.data.site_rows import data, rows

from gateway.emulator.sites import SITES, SYDNEY


@pytest.mark.parametrize("site", SITES)
def test_clock_change_days_have_same_local_slot_times(site: str) -> None:
    starts = {slot["start"][:16] for slot in rows(site, "Slot")}
    for day in ("2026-04-05", "2026-10-04"):
        assert {f"{day}T01:30", f"{day}T03:00", f"{day}T09:00"} <= starts


def test_sydney_slots_cover_ambiguous_hour_but_not_skipped_hour() -> None:
    starts = {slot["start"] for slot in rows(SYDNEY, "Slot")}
    assert {"2026-04-05T02:30:00+11:00", "2026-04-05T02:30:00+10:00"} <= starts
    assert not [start for start in starts if start.startswith("2026-10-04T02:")]


@pytest.mark.parametrize("site", SITES)
def test_only_busy_slots_have_an_appointment(site: str) -> None:
    booked = [row["slot"][0]["reference"] for row in rows(site, "Appointment")]
    busy = [f"Slot/{row['id']}" for row in rows(site, "Slot") if row["status"] == "busy"]
    assert booked == busy


@pytest.mark.parametrize("site", SITES)
def test_only_cancelled_appointments_are_inactive(site: str) -> None:
    for record in data(site)["Appointment"]:
        assert record.active == (record.resource["status"] != "cancelled")


@pytest.mark.parametrize("site", SITES)
def test_slot_lasts_half_an_hour_over_clock_change(site: str) -> None:
    for row in rows(site, "Slot"):
        start, end = (datetime.fromisoformat(row[name]) for name in ("start", "end"))
        assert end - start == timedelta(minutes=30)
