"""Which clock a date column keeps: readings of what a record shows, and what the answers say of each."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal
from zoneinfo import ZoneInfo

from gateway.dates.bounds import second_text
from gateway.dates.timezones import instants, offset_at
from gateway.probe.evidence import Known, Page, Pairs, Resource
from gateway.probe.last_updated_labels import STAMP, Stamp, daylight, mislabelled, stamp
from gateway.probe.records import DATED, point_moment

Reading = Literal["site", "utc", "as-shown", "to-site", "to-utc"]
"""Of a date: the clock of its column. Of `meta.lastUpdated`: whether the column holds the digits shown, the
site's time for UTC's digits, or UTC's time for the site's digits."""

Clock = Literal["site", "utc"]

KINDS: Final = (
    *("Observation", "Encounter", "Appointment", "Condition", "Patient"),
    *("Slot", "Immunization", "AllergyIntolerance", "DocumentReference", "MedicationStatement"),
    *("Practitioner", "PractitionerRole", "Organization", "Location", "Schedule"),
)
"""Resource types in the order of asking; the first five are asked first in every probe."""

_CLOCKS: Final[Mapping[tuple[bool, Reading], Clock]] = {
    (True, "as-shown"): "utc",
    (True, "to-site"): "site",
    (False, "as-shown"): "site",
    (True, "to-utc"): "utc",
    (False, "to-utc"): "utc",
}
"""Labelled as UTC, reading -> the clock of the column, the label believed."""


@dataclass(frozen=True)
class Dated:
    """A record and, per date parameter, the second its column should hold under each reading."""

    kind: str
    id: str
    values: Mapping[str, Mapping[Reading, int]]
    stamp: Stamp | None

    def second(self, code: str, value: int) -> Pairs:
        """The two conditions that select one second, whatever fraction the column hides."""
        return (code, f"ge{second_text(value)}"), (code, f"lt{second_text(value + 1)}")


def dated(known: Known, kind: str) -> Dated | None:
    """The sampled record that tells most about the clocks of its type; the same whatever was answered."""
    page = known.sampled(kind)
    return _best(page, kind, known.zone) if page else None


def matched(known: Known, kind: str, code: str) -> Reading | None:
    """The reading that an answer has confirmed."""
    record = dated(known, kind)
    if record is None:
        return None
    readings = record.values.get(code, {}).items()
    return next((each for each, value in readings if _met(known, record, code, value)), None)


def untried(known: Known, record: Dated, code: str) -> int | None:
    """The likeliest value not yet tried; None when one was confirmed or all were denied."""
    if matched(known, record.kind, code):
        return None
    readings = record.values.get(code, {})
    likely = [readings[each] for each in (_likely(known, record, code), *readings) if each in readings]
    return next((value for value in likely if not _denied(known, record, code, value)), None)


@lru_cache(maxsize=64)
def _best(page: Page, kind: str, zone: ZoneInfo) -> Dated | None:
    found = [each for each in (_dated(zone, kind, resource) for resource in page.resources) if each]
    return max(found, key=lambda each: _worth(zone, each), default=None)


def _dated(zone: ZoneInfo, kind: str, resource: Resource) -> Dated | None:
    found = stamp(resource)
    values = {
        **dict(_date_values(zone, kind, resource)),
        **({STAMP: _stamp_values(zone, found)} if found else {}),
    }
    kept = {code: readings for code, readings in values.items() if readings}
    return Dated(kind, str(resource["id"]), kept, found) if kept else None


def _date_values(
    zone: ZoneInfo, kind: str, resource: Resource
) -> Iterator[tuple[str, Mapping[Reading, int]]]:
    for code in DATED.get(kind, ()):
        at = point_moment(resource, kind, code, zone)
        if at:
            yield code, {"site": at.site, "utc": at.utc}


def _stamp_values(zone: ZoneInfo, found: Stamp) -> Mapping[Reading, int]:
    there = instants(zone, found.digits)
    if len(there) != 1:
        return {}
    to_site = found.digits + offset_at(zone, found.digits)
    return {"as-shown": found.digits, "to-site": to_site, "to-utc": int(there[0])}


def _likely(known: Known, record: Dated, code: str) -> Reading:
    """The reading under which the column keeps the clock last found behind its likes."""
    if code != STAMP:
        found = [matched(known, kind, each) for kind in KINDS for each in DATED.get(kind, ())]
        return next((each for each in reversed(found) if each), "site")
    usual = next((each for each in (_stamp_clock(known, kind) for kind in KINDS[::-1]) if each), "site")
    utc = bool(record.stamp and record.stamp.utc)
    return next(reading for (label, reading), clock in _CLOCKS.items() if (label, clock) == (utc, usual))


def _stamp_clock(known: Known, kind: str) -> Clock | None:
    record, reading = dated(known, kind), matched(known, kind, STAMP)
    if record is None or record.stamp is None or reading is None:
        return None
    return _CLOCKS.get((record.stamp.utc, reading))


def _worth(zone: ZoneInfo, each: Dated) -> tuple[int, bool, bool]:
    """Most columns first, then a label that is wrong, then one from daylight saving time."""
    found = each.stamp
    return len(each.values), bool(found and mislabelled(zone, found)), bool(found and daylight(zone, found))


def _met(known: Known, record: Dated, code: str, value: int) -> bool:
    wanted = set(record.second(code, value))
    return any(page.verdict == "yes" and wanted <= set(page.asked.pairs) for page in _about(known, record))


def _denied(known: Known, record: Dated, code: str, value: int) -> bool:
    """Whether a question failed for it alone: whatever else was asked with it was met elsewhere."""
    pages, wanted = list(_about(known, record)), set(record.second(code, value))
    met = {pair for page in pages if page.verdict == "yes" for pair in page.asked.pairs}
    failed = (set(page.asked.pairs) for page in pages if page.verdict != "yes")
    return any(wanted <= pairs <= wanted | met | {("_id", record.id)} for pairs in failed)


def _about(known: Known, record: Dated) -> Iterator[Page]:
    about = (record.kind, record.id)
    return (page for page in known.pages.values() if (page.asked.path, page.asked.record) == about)
