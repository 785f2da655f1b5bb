"""Which clock a date column keeps: readings of what a record shows, and what the answers say of each."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal
from zoneinfo import ZoneInfo

from gateway.dates.bounds import second_text
from gateway.dates.timezones import instants_at, offset_at
from gateway.probe.evidence import Evidence, Pairs, ProbeResponse, Resource
from gateway.probe.last_updated_labels import (
    LAST_UPDATED,
    LastUpdated,
    is_daylight_saving,
    is_mislabelled,
    parse_last_updated,
)
from gateway.probe.records import DATE_PARAMETERS, point_moment

Reading = Literal["site", "utc", "as-shown", "to-site", "to-utc"]
"""Of a date: the clock of its column. Of `meta.lastUpdated`: whether the column holds the digits shown, the
site's time for UTC's digits, or UTC's time for the site's digits."""

Clock = Literal["site", "utc"]

PROBED_TYPES: Final = (
    *("Observation", "Encounter", "Appointment", "Condition", "Patient"),
    *("Slot", "Immunization", "AllergyIntolerance", "DocumentReference", "MedicationStatement"),
    *("Practitioner", "PractitionerRole", "Organization", "Location", "Schedule"),
)
"""Resource types in the order of asking; the first five are asked first in every probe."""

_CLOCK_BY_READING: Final[Mapping[tuple[bool, Reading], Clock]] = {
    (True, "as-shown"): "utc",
    (True, "to-site"): "site",
    (False, "as-shown"): "site",
    (True, "to-utc"): "utc",
    (False, "to-utc"): "utc",
}
"""Labelled as UTC, reading -> the clock of the column, the label believed."""


@dataclass(frozen=True)
class DatedRecord:
    """A record and, per date parameter, the second its column should hold under each reading."""

    resource_type: str
    id: str
    candidate_seconds: Mapping[str, Mapping[Reading, int]]
    last_updated: LastUpdated | None

    def second_conditions(self, code: str, value: int) -> Pairs:
        """The two conditions that select one second, whatever fraction the column hides."""
        return (code, f"ge{second_text(value)}"), (code, f"lt{second_text(value + 1)}")


def dated_record(evidence: Evidence, resource_type: str) -> DatedRecord | None:
    """The sampled record that tells most about the clocks of its type; the same whatever was answered."""
    page = evidence.sample_response(resource_type)
    return _best_record(page, resource_type, evidence.zone) if page else None


def confirmed_reading(evidence: Evidence, resource_type: str, code: str) -> Reading | None:
    """The reading that an answer has confirmed."""
    record = dated_record(evidence, resource_type)
    if record is None:
        return None
    readings = record.candidate_seconds.get(code, {}).items()
    return next((each for each, value in readings if _is_confirmed(evidence, record, code, value)), None)


def next_untried_second(evidence: Evidence, record: DatedRecord, code: str) -> int | None:
    """The likeliest value not yet tried; None when one was confirmed or all were denied."""
    if confirmed_reading(evidence, record.resource_type, code):
        return None
    readings = record.candidate_seconds.get(code, {})
    likely = [
        readings[each] for each in (_likeliest_reading(evidence, record, code), *readings) if each in readings
    ]
    return next((value for value in likely if not _is_refuted(evidence, record, code, value)), None)


@lru_cache(maxsize=64)
def _best_record(response: ProbeResponse, resource_type: str, zone: ZoneInfo) -> DatedRecord | None:
    found = [
        each
        for each in (_build_dated_record(zone, resource_type, resource) for resource in response.resources)
        if each
    ]
    return max(found, key=lambda each: _record_rank(zone, each), default=None)


def _build_dated_record(zone: ZoneInfo, resource_type: str, resource: Resource) -> DatedRecord | None:
    found = parse_last_updated(resource)
    values = {
        **dict(_date_candidates(zone, resource_type, resource)),
        **({LAST_UPDATED: _last_updated_candidates(zone, found)} if found else {}),
    }
    kept = {code: readings for code, readings in values.items() if readings}
    return DatedRecord(resource_type, str(resource["id"]), kept, found) if kept else None


def _date_candidates(
    zone: ZoneInfo, resource_type: str, resource: Resource
) -> Iterator[tuple[str, Mapping[Reading, int]]]:
    for code in DATE_PARAMETERS.get(resource_type, ()):
        at = point_moment(resource, resource_type, code, zone)
        if at:
            yield code, {"site": at.site_seconds, "utc": at.utc_seconds}


def _last_updated_candidates(zone: ZoneInfo, last_updated: LastUpdated) -> Mapping[Reading, int]:
    there = instants_at(zone, last_updated.digits)
    if len(there) != 1:
        return {}
    to_site = last_updated.digits + offset_at(zone, last_updated.digits)
    return {"as-shown": last_updated.digits, "to-site": to_site, "to-utc": int(there[0])}


def _likeliest_reading(evidence: Evidence, record: DatedRecord, code: str) -> Reading:
    """The reading under which the column keeps the clock last found behind its likes."""
    if code != LAST_UPDATED:
        found = [
            confirmed_reading(evidence, kind, each)
            for kind in PROBED_TYPES
            for each in DATE_PARAMETERS.get(kind, ())
        ]
        return next((each for each in reversed(found) if each), "site")
    usual = next(
        (each for each in (_last_updated_clock(evidence, kind) for kind in PROBED_TYPES[::-1]) if each),
        "site",
    )
    utc = bool(record.last_updated and record.last_updated.is_utc)
    return next(
        reading for (label, reading), clock in _CLOCK_BY_READING.items() if (label, clock) == (utc, usual)
    )


def _last_updated_clock(evidence: Evidence, resource_type: str) -> Clock | None:
    record, reading = (
        dated_record(evidence, resource_type),
        confirmed_reading(evidence, resource_type, LAST_UPDATED),
    )
    if record is None or record.last_updated is None or reading is None:
        return None
    return _CLOCK_BY_READING.get((record.last_updated.is_utc, reading))


def _record_rank(zone: ZoneInfo, record: DatedRecord) -> tuple[int, bool, bool]:
    """Most columns first, then a label that is wrong, then one from daylight saving time."""
    found = record.last_updated
    return (
        len(record.candidate_seconds),
        bool(found and is_mislabelled(zone, found)),
        bool(found and is_daylight_saving(zone, found)),
    )


def _is_confirmed(evidence: Evidence, record: DatedRecord, code: str, value: int) -> bool:
    wanted = set(record.second_conditions(code, value))
    return any(
        page.verdict == "yes" and wanted <= set(page.request.pairs)
        for page in _responses_about(evidence, record)
    )


def _is_refuted(evidence: Evidence, record: DatedRecord, code: str, value: int) -> bool:
    """Whether a question failed for it alone: whatever else was asked with it was met elsewhere."""
    pages, wanted = list(_responses_about(evidence, record)), set(record.second_conditions(code, value))
    met = {pair for page in pages if page.verdict == "yes" for pair in page.request.pairs}
    failed = (set(page.request.pairs) for page in pages if page.verdict != "yes")
    return any(wanted <= pairs <= wanted | met | {("_id", record.id)} for pairs in failed)


def _responses_about(evidence: Evidence, record: DatedRecord) -> Iterator[ProbeResponse]:
    about = (record.resource_type, record.id)
    return (
        page for page in evidence.responses.values() if (page.request.path, page.request.record_id) == about
    )
