"""Clocks of date columns: possible readings of a date in a record, and those that responses confirm."""

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

#: Of a date: clock of its column. Of `meta.lastUpdated`: whether the column contains the digits shown, the
#: time at the site for digits of UTC, or UTC for digits of the site's time.
Reading = Literal["site", "utc", "as-shown", "to-site", "to-utc"]

Clock = Literal["site", "utc"]

#: Resource types in the order of the questions. Every probe begins with the first five.
PROBED_TYPES: Final = (
    *("Observation", "Encounter", "Appointment", "Condition", "Patient"),
    *("Slot", "Immunization", "AllergyIntolerance", "DocumentReference", "MedicationStatement"),
    *("Practitioner", "PractitionerRole", "Organization", "Location", "Schedule"),
)

#: (Labelled as UTC, reading) -> clock of the column if the label is right.
_CLOCK_BY_READING: Final[Mapping[tuple[bool, Reading], Clock]] = {
    (True, "as-shown"): "utc",
    (True, "to-site"): "site",
    (False, "as-shown"): "site",
    (True, "to-utc"): "utc",
    (False, "to-utc"): "utc",
}


@dataclass(frozen=True)
class DatedRecord:
    """A record and, by date parameter, the second in its column under each reading."""

    resource_type: str
    id: str
    candidate_seconds: Mapping[str, Mapping[Reading, int]]
    last_updated: LastUpdated | None

    def second_conditions(self, code: str, value: int) -> Pairs:
        """Return two conditions that select a second with any fraction."""
        return (code, f"ge{second_text(value)}"), (code, f"lt{second_text(value + 1)}")


def dated_record(evidence: Evidence, resource_type: str) -> DatedRecord | None:
    """Return the most informative record of a sample. It does not depend on later responses."""
    response = evidence.sample_response(resource_type)
    return _best_record(response, resource_type, evidence.zone) if response else None


def confirmed_reading(evidence: Evidence, resource_type: str, code: str) -> Reading | None:
    """Return the reading that a response has confirmed."""
    record = dated_record(evidence, resource_type)
    if record is None:
        return None
    readings = record.candidate_seconds.get(code, {}).items()
    return next(
        (reading for reading, value in readings if _is_confirmed(evidence, record, code, value)), None
    )


def next_untried_second(evidence: Evidence, record: DatedRecord, code: str) -> int | None:
    """Return the most likely untried value; None if a value was confirmed or all were refuted."""
    if confirmed_reading(evidence, record.resource_type, code):
        return None
    readings = record.candidate_seconds.get(code, {})
    order = (_likeliest_reading(evidence, record, code), *readings)
    values = [readings[reading] for reading in order if reading in readings]
    return next((value for value in values if not _is_refuted(evidence, record, code, value)), None)


@lru_cache(maxsize=64)
def _best_record(response: ProbeResponse, resource_type: str, zone: ZoneInfo) -> DatedRecord | None:
    records = (_build_dated_record(zone, resource_type, resource) for resource in response.resources)
    return max(filter(None, records), key=lambda record: _record_rank(zone, record), default=None)


def _build_dated_record(zone: ZoneInfo, resource_type: str, resource: Resource) -> DatedRecord | None:
    last_updated = parse_last_updated(resource)
    values = {
        **dict(_date_candidates(zone, resource_type, resource)),
        **({LAST_UPDATED: _last_updated_candidates(zone, last_updated)} if last_updated else {}),
    }
    candidates = {code: readings for code, readings in values.items() if readings}
    return DatedRecord(resource_type, str(resource["id"]), candidates, last_updated) if candidates else None


def _date_candidates(
    zone: ZoneInfo, resource_type: str, resource: Resource
) -> Iterator[tuple[str, Mapping[Reading, int]]]:
    for code in DATE_PARAMETERS.get(resource_type, ()):
        moment = point_moment(resource, resource_type, code, zone)
        if moment:
            yield code, {"site": moment.site_seconds, "utc": moment.utc_seconds}


def _last_updated_candidates(zone: ZoneInfo, last_updated: LastUpdated) -> Mapping[Reading, int]:
    instants = instants_at(zone, last_updated.digits)
    if len(instants) != 1:
        return {}
    to_site = last_updated.digits + offset_at(zone, last_updated.digits)
    return {"as-shown": last_updated.digits, "to-site": to_site, "to-utc": int(instants[0])}


def _likeliest_reading(evidence: Evidence, record: DatedRecord, code: str) -> Reading:
    """Return the reading that gives the column the clock last confirmed for a similar column."""
    if code != LAST_UPDATED:
        readings = [
            confirmed_reading(evidence, resource_type, parameter)
            for resource_type in PROBED_TYPES
            for parameter in DATE_PARAMETERS.get(resource_type, ())
        ]
        return next(filter(None, reversed(readings)), "site")
    clocks = (_last_updated_clock(evidence, resource_type) for resource_type in PROBED_TYPES[::-1])
    usual = next(filter(None, clocks), "site")
    is_utc = bool(record.last_updated and record.last_updated.is_utc)
    return next(
        reading for (label, reading), clock in _CLOCK_BY_READING.items() if (label, clock) == (is_utc, usual)
    )


def _last_updated_clock(evidence: Evidence, resource_type: str) -> Clock | None:
    record = dated_record(evidence, resource_type)
    reading = confirmed_reading(evidence, resource_type, LAST_UPDATED)
    if record is None or record.last_updated is None or reading is None:
        return None
    return _CLOCK_BY_READING.get((record.last_updated.is_utc, reading))


def _record_rank(zone: ZoneInfo, record: DatedRecord) -> tuple[int, bool, bool]:
    """Return the number of columns, whether the label is wrong, and whether daylight saving time applies."""
    last_updated = record.last_updated
    return (
        len(record.candidate_seconds),
        bool(last_updated and is_mislabelled(zone, last_updated)),
        bool(last_updated and is_daylight_saving(zone, last_updated)),
    )


def _is_confirmed(evidence: Evidence, record: DatedRecord, code: str, value: int) -> bool:
    conditions = set(record.second_conditions(code, value))
    return any(
        response.verdict == "yes" and conditions <= set(response.request.pairs)
        for response in _responses_about(evidence, record)
    )


def _is_refuted(evidence: Evidence, record: DatedRecord, code: str, value: int) -> bool:
    """Whether a request did not match because of this value: all its other conditions matched elsewhere."""
    responses, conditions = (
        list(_responses_about(evidence, record)),
        set(record.second_conditions(code, value)),
    )
    matched = {pair for response in responses if response.verdict == "yes" for pair in response.request.pairs}
    unmatched = (set(response.request.pairs) for response in responses if response.verdict != "yes")
    return any(conditions <= pairs <= conditions | matched | {("_id", record.id)} for pairs in unmatched)


def _responses_about(evidence: Evidence, record: DatedRecord) -> Iterator[ProbeResponse]:
    subject = (record.resource_type, record.id)
    return (
        response
        for response in evidence.responses.values()
        if (response.request.path, response.request.record_id) == subject
    )
