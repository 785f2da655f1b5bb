"""Repair of `meta.lastUpdated`, whose time zone differs per resource type or is missing."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial

from gateway.dates.instants import LabelMode, corrected_instant
from gateway.exchange import FhirRequest, Site
from gateway.fhir.bundle import Entry
from gateway.fhir.raw_json import encode, object_fields, string_value
from gateway.fhir.resource_edit import meta_element_edit, with_text_field
from gateway.repairs.repair import EntryChange, EntryFacet, Fields, KnownIssue, Repair, unchanged_entry
from gateway.repairs.witness import UpstreamAnswer, typed_fields
from gateway.sites.issue_states import Verdict

#: A later time than that of the request by more than this is the site's time under another label.
_MAX_CLOCK_SKEW = timedelta(minutes=5)


def _instant_change(request: FhirRequest) -> EntryChange:
    """Return a change of `meta.lastUpdated` and `response.lastModified` to instants; others are removed."""
    site, kind = request.site, request.interaction.type
    if site is None:
        return unchanged_entry
    edit = meta_element_edit("lastUpdated", partial(_correct_for_site, site))

    def correct(entry: Entry) -> Entry:
        if "response" in entry.fields:
            entry = _correct_last_modified(site, kind, entry)
        old = entry.fields.get("resource")
        if old is None:
            return entry
        new = edit(old)
        return entry if new is old else entry.with_field("resource", new)

    return correct


correct_entry = EntryFacet(_instant_change)


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
    return corrected_instant(text, _label_mode(site, kind), site.zone, site.last_updated_output)


def _label_mode(site: Site, kind: str) -> LabelMode:
    return site.last_updated_input.get(kind) or site.last_updated_input.get("*", "ok")


def witness_last_updated(request: FhirRequest, answer: UpstreamAnswer) -> Iterator[tuple[str, Verdict]]:
    """Yield by type whether `meta.lastUpdated` is an instant, with the offset of UTC or of the site."""
    for resource in (entry.resource for entry in answer.samples):
        kind, fields = typed_fields(resource) if resource is not None else ("", {})
        meta = object_fields(fields["meta"]) if "meta" in fields else {}
        text, site = string_value(meta.get("lastUpdated")), request.site
        verdict = _label_verdict(site, kind, text, request.received_at) if text and site else None
        if verdict is not None:
            yield kind, verdict


def _label_verdict(site: Site, kind: str, text: str, now: datetime) -> Verdict | None:
    """Verdict on one time; None if the configuration says that its label is wrong, which it does not show."""
    try:
        time = datetime.fromisoformat(text)
        is_instant = time.tzinfo is not None and time <= now + _MAX_CLOCK_SKEW
        offsets = {timedelta(), time.astimezone(site.zone).utcoffset()} if is_instant else set()
    except (ValueError, OverflowError):
        return "broken"
    if time.utcoffset() not in offsets:
        return "broken"
    return "right" if _label_mode(site, kind) in {"ok", "naive"} else None


REPAIR = Repair(
    KnownIssue(
        "last-updated-offset",
        "meta.lastUpdated differs in time zone per resource type",
        "Halo Connect troubleshooting, FHIR known issues (both pages)",
    ),
    entry=correct_entry,
    fields=correct_bundle_fields,
    witness=witness_last_updated,
)
