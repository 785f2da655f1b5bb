from datetime import UTC, datetime

from gateway.emulator.practice import Practice
from gateway.emulator.search.parameters import PARAMETERS
from gateway.emulator.settings import EmulatorSettings, Variants
from gateway.emulator.sites import SITES, SYDNEY

SETTINGS = EmulatorSettings(patients=20, documents=0)


def test_created_row_has_next_id_and_latest_timestamp() -> None:
    practice = Practice(SITES[SYDNEY], SETTINGS)
    before = len(practice.tables["Patient"])
    record = practice.create({"resourceType": "Patient", "id": "chosen"})
    assert record.resource["id"] == str(before + 1)
    timestamps = (row.resource["meta"]["lastUpdated"] for row in practice.tables["Patient"].values())
    assert record.resource["meta"]["lastUpdated"] == max(timestamps)


def test_last_updated_is_time_of_clock() -> None:
    practice = Practice(SITES[SYDNEY], SETTINGS, lambda: datetime(2026, 6, 22, tzinfo=UTC))
    record = practice.create({"resourceType": "Patient"})
    assert record.resource["meta"]["lastUpdated"] == "2026-06-22T00:00:00Z"


def test_slot_is_busy_until_appointment_is_cancelled() -> None:
    practice = Practice(SITES[SYDNEY], SETTINGS)
    slots = practice.tables["Slot"]
    free = next(name for name, row in slots.items() if row.resource["status"] == "free")
    booking = {"resourceType": "Appointment", "status": "booked", "slot": [{"reference": f"Slot/{free}"}]}
    appointment = practice.create(booking).resource
    assert slots[free].resource["status"] == "busy"
    assert not practice.update({**appointment, "status": "cancelled"}).active
    assert slots[free].resource["status"] == "free"


def test_inactive_row_is_hidden_if_active_only() -> None:
    practice = Practice(SITES[SYDNEY], SETTINGS)
    practice.update({"resourceType": "Patient", "id": "1", "active": False})
    assert practice.find_record("Patient", "1", active_only=True) is None
    assert practice.find_record("Patient", "1", active_only=False) is not None
    assert "1" not in {row.resource["id"] for row in practice.records("Patient", active_only=True)}


def test_column_zone_depends_on_variant() -> None:
    practice, date = Practice(SITES[SYDNEY], SETTINGS), PARAMETERS["Appointment", "date"]
    changed = PARAMETERS["Slot", "_lastUpdated"]
    variants = Variants(column_zones={"Appointment.date": "utc", "*._lastUpdated": "utc"})
    assert practice.column_zone(date, Variants()).key == "Australia/Sydney"
    assert practice.column_zone(date, variants).key == "UTC"
    assert practice.column_zone(changed, variants).key == "UTC"
    assert practice.column_zone(PARAMETERS["Slot", "start"], variants).key == "Australia/Sydney"


def test_appointment_without_status_value_makes_slot_busy() -> None:
    practice = Practice(SITES[SYDNEY], SETTINGS)
    slot = next(row for row in practice.tables["Slot"].values() if row.resource["status"] == "free")
    reference = {"reference": f"Slot/{slot.resource['id']}"}
    practice.create({"resourceType": "Appointment", "_status": {"extension": []}, "slot": [reference, {}]})
    assert practice.tables["Slot"][slot.resource["id"]].resource["status"] == "busy"
