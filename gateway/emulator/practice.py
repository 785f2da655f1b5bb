"""Database of one practice: generated on first use, changed by create and update."""

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from functools import cached_property, lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from gateway.emulator.data.practice_data import generate_practice_data
from gateway.emulator.data.records import Record, format_utc_instant
from gateway.emulator.search.index import ParameterIndex
from gateway.emulator.search.parameters import Parameter
from gateway.emulator.settings import EmulatorSettings, StoredPrecision, Variants
from gateway.emulator.sites import SITES, Site


def current_utc_time() -> datetime:
    """Return the current time in UTC."""
    return datetime.now(UTC)


@lru_cache(maxsize=8)
def _generate_tables(
    guid: str, seed: int, patients: int, documents: int, precisions: tuple[tuple[str, StoredPrecision], ...]
) -> dict[str, dict[str, Record]]:
    """Rows as generated, by type and id. A reset reuses the cached rows, because a Record never changes."""
    settings = EmulatorSettings(
        seed=seed, patients=patients, documents=documents, stored_precision=dict(precisions)
    )
    return {
        resource_type: {record.resource["id"]: record for record in records}
        for resource_type, records in generate_practice_data(SITES[guid], settings).items()
    }


class Practice:
    """The rows of one site, by type and id, and the index over them."""

    def __init__(
        self, site: Site, settings: EmulatorSettings, clock: Callable[[], datetime] = current_utc_time
    ) -> None:
        self.site = site
        self.clock = clock
        self.index = ParameterIndex()
        self._updates: Counter[tuple[str, str]] = Counter()
        self._settings = settings

    @cached_property
    def tables(self) -> dict[str, dict[str, Record]]:
        """All rows, active or not, by resource type and id."""
        settings = self._settings
        precisions = tuple(sorted(settings.stored_precision.items()))
        tables = _generate_tables(
            self.site.guid, settings.seed, settings.patients, settings.documents, precisions
        )
        return {resource_type: dict(rows) for resource_type, rows in tables.items()}

    def records(self, resource_type: str, *, active_only: bool) -> Iterable[Record]:
        """Return the rows of a type in table order."""
        rows = self.tables.get(resource_type, {}).values()
        return [record for record in rows if record.active] if active_only else rows

    def find_record(self, resource_type: str, resource_id: str, *, active_only: bool) -> Record | None:
        """Return the row, or None if it does not exist or `active_only` hides it."""
        record = self.tables.get(resource_type, {}).get(resource_id)
        return record if record and (record.active or not active_only) else None

    def column_zone(self, parameter: Parameter, variants: Variants) -> ZoneInfo:
        """Zone of a date column's wall clock: the site's, or UTC by variant `column_zones["Type.code"]`."""
        names = (f"{parameter.base}.{parameter.code}", f"*.{parameter.code}")
        zones = [variants.column_zones[name] for name in names if name in variants.column_zones]
        return ZoneInfo("UTC") if zones[:1] == ["utc"] else self.site.zone

    def version_of(self, record: Record) -> str:
        """Return the version of a row: 1, plus one for each update."""
        return str(1 + self._updates[record.resource["resourceType"], record.resource["id"]])

    def create(self, resource: dict[str, Any]) -> Record:
        """Create a row with the next free number as id."""
        table = self.tables.setdefault(resource["resourceType"], {})
        identity = str(max(map(int, table), default=0) + 1)
        return self.update({**resource, "id": identity})

    def update(self, resource: dict[str, Any]) -> Record:
        """Store a resource under its id with the current time; inactive if not `active`, or if cancelled.

        An Appointment makes its Slots busy, and free again if it is cancelled.
        """
        kind, identity = resource["resourceType"], resource["id"]
        meta = {**resource.get("meta", {}), "lastUpdated": format_utc_instant(self.clock(), kind)}
        active = resource.get("active", resource.get("status") != "cancelled")
        record = Record({**resource, "meta": meta}, active)
        table = self.tables.setdefault(kind, {})
        self._updates[kind, identity] += identity in table
        table[identity] = record
        for slot in resource.get("slot", []):
            self._update_slot(slot.get("reference", "").removeprefix("Slot/"), resource.get("status", ""))
        return record

    def _update_slot(self, slot_id: str, appointment_status: str) -> None:
        slot = self.tables["Slot"].get(slot_id)
        status = "free" if appointment_status == "cancelled" else "busy"
        if slot and slot.resource["status"] != status:
            self.update({**slot.resource, "status": status})
