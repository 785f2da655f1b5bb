"""Rows as a site's engine renders them: wrong timestamps, absolute URLs, omitted elements."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo

LastUpdatedStyle = Literal[
    "ok",
    "offset",
    "naive",
    "naive-7",
    "naive-utc",
    "local-labelled-utc",
    "utc-labelled-local",
    "fixed-standard-offset",
]

_SUBSETTED_TAG: Final = {
    "system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue",
    "code": "SUBSETTED",
}
_ALWAYS_INCLUDED: Final = {"resourceType", "id", "meta"}
_MANDATORY_ELEMENTS: Final = {
    "Appointment": {"status", "participant"},
    "Slot": {"schedule", "status", "start", "end"},
    "Schedule": {"actor"},
    "AllergyIntolerance": {"patient"},
    "Immunization": {"status", "vaccineCode", "patient", "occurrenceDateTime"},
    "MedicationStatement": {"status", "medicationCodeableConcept", "subject"},
    "Condition": {"subject"},
    "Observation": {"status", "code"},
    "Encounter": {"status", "class"},
    "DocumentReference": {"status", "content"},
    "Binary": {"contentType"},
}
_URL_ELEMENTS: Final = {"reference", "url"}
_LOCAL_REFERENCE: Final = re.compile(r"[A-Z][A-Za-z]+/[A-Za-z0-9.-]+")
_NOT_IN_SUMMARY: Final = {"text", "contained", "reaction", "dosage", "location", "participant", "lotNumber"}


def instant_in_style(instant: str, style: LastUpdatedStyle, zone: ZoneInfo) -> str:
    """Write a UTC instant in a style: correct, without a zone, or with a wrong zone."""
    moment, (_, _, fraction) = datetime.fromisoformat(instant), instant[:-1].partition(".")
    local, fraction = moment.astimezone(zone), f".{fraction}" if fraction else ""
    wall = local.strftime("%Y-%m-%dT%H:%M:%S")
    standard = (local.utcoffset() or timedelta(0)) - (local.dst() or timedelta(0))
    return {
        "ok": instant,
        "offset": wall + fraction + _format_offset(local.utcoffset()),
        "naive": wall + fraction,
        "naive-7": f"{wall}.{fraction[1:].ljust(7, '0')}",
        "naive-utc": instant[:-1],
        "local-labelled-utc": f"{wall}{fraction}Z",
        "utc-labelled-local": f"{instant[:-1]}{_format_offset(local.utcoffset())}",
        "fixed-standard-offset": wall + fraction + _format_offset(standard),
    }[style]


def select_elements(resource: dict[str, Any], summary: str, elements: tuple[str, ...]) -> dict[str, Any]:
    """Apply `_summary` or `_elements` to a resource; tag it SUBSETTED if an element was omitted."""
    names = _selected_elements(resource, summary, elements)
    if names == set(resource):
        return resource
    meta = resource["meta"]
    tagged_meta = {**meta, "tag": [*meta.get("tag", []), _SUBSETTED_TAG]}
    return {name: value for name, value in resource.items() if name in names} | {"meta": tagged_meta}


def with_absolute_urls(resource: dict[str, Any], base: str) -> dict[str, Any]:
    """Return a resource whose relative references and attachment URLs are made absolute with `base`."""
    return {name: _with_absolute_values(value, base) for name, value in resource.items()}


def with_last_updated(resource: dict[str, Any], style: LastUpdatedStyle, zone: ZoneInfo) -> dict[str, Any]:
    """Return a resource with `meta.lastUpdated` in a style."""
    meta = resource["meta"]
    return {**resource, "meta": {**meta, "lastUpdated": instant_in_style(meta["lastUpdated"], style, zone)}}


def utc_now_text() -> str:
    """Return the current time in UTC, to the second."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _format_offset(offset: timedelta | None) -> str:
    minutes = int((offset or timedelta(0)).total_seconds() // 60)
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"


def _selected_elements(resource: dict[str, Any], summary: str, elements: tuple[str, ...]) -> set[str]:
    mandatory = _ALWAYS_INCLUDED | _MANDATORY_ELEMENTS.get(resource["resourceType"], set())
    if elements:
        return set(resource) & (mandatory | set(elements))
    return {
        "text": set(resource) & (mandatory | {"text"}),
        "data": set(resource) - {"text"},
        "true": set(resource) & mandatory | set(resource) - _NOT_IN_SUMMARY,
    }.get(summary, set(resource))


def _with_absolute_values(value: Any, base: str) -> Any:
    if isinstance(value, list):
        return [_with_absolute_values(item, base) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        name: f"{base}/{child}"
        if name in _URL_ELEMENTS and _LOCAL_REFERENCE.fullmatch(str(child))
        else _with_absolute_values(child, base)
        for name, child in value.items()
    }
