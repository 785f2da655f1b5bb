"""Repair of `meta.lastUpdated`, whose time zone differs per resource type or is missing."""

from gateway.dates.instants import corrected_instant
from gateway.exchange import FhirRequest, Site
from gateway.fhir.bundle import Entry
from gateway.fhir.raw_json import encode, object_fields, string_value
from gateway.fhir.resource_edit import with_meta_element, with_text_field
from gateway.repairs.repair import Fields, KnownIssue, Repair


def correct_entry(request: FhirRequest, entry: Entry) -> Entry:
    """Return the entry with `meta.lastUpdated` and `response.lastModified` as instants, or without them."""
    site = request.site
    if site is None:
        return entry
    if "response" in entry.fields:
        entry = _correct_last_modified(site, request.interaction.type, entry)
    old = entry.fields.get("resource")
    if old is None:
        return entry
    new = with_meta_element(old, "lastUpdated", lambda kind, text: _correct_for_site(site, kind, text))
    return entry if new is old else entry.with_field("resource", new)


def correct_bundle_fields(request: FhirRequest, fields: Fields) -> Fields:
    """Return a Bundle's own fields with `timestamp` and `meta.lastUpdated` as instants."""
    site = request.site
    if site is None:
        return fields
    new = _with_instant(fields, "timestamp", "Bundle", site)
    if "meta" not in new:
        return new
    old = object_fields(new["meta"])
    meta = _with_instant(old, "lastUpdated", "Bundle", site)
    return new if meta is old else {**new, "meta": encode(meta)}


def _correct_last_modified(site: Site, kind: str, entry: Entry) -> Entry:
    old = object_fields(entry.fields["response"])
    new = _with_instant(old, "lastModified", kind, site)
    return entry if new is old else entry.with_field("response", encode(new))


def _with_instant(fields: Fields, name: str, kind: str, site: Site) -> Fields:
    """Return the fields with one time corrected; the same object if it does not change."""
    old = string_value(fields.get(name))
    new = _correct_for_site(site, kind, old) if old else old
    return fields if new == old else with_text_field(fields, name, new)


def _correct_for_site(site: Site, kind: str, text: str) -> str | None:
    mode = site.last_updated_input.get(kind) or site.last_updated_input.get("*", "ok")
    return corrected_instant(text, mode, site.zone, site.last_updated_output)


REPAIR = Repair(
    KnownIssue(
        "last-updated-offset",
        "meta.lastUpdated differs in time zone per resource type",
        "Halo Connect troubleshooting, FHIR known issues (both pages)",
    ),
    entry=correct_entry,
    fields=correct_bundle_fields,
)
