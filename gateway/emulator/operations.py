"""Operations `Patient/{id}/$summary` (a small IPS document) and `$find-free` (free slots)."""

from typing import Any, Final

from gateway.emulator.bundle import searchset
from gateway.emulator.data.records import Record
from gateway.emulator.data.terms import LOINC, codeable_concept
from gateway.emulator.request_context import RequestContext
from gateway.emulator.search.query import Pair, parse_search
from gateway.emulator.search.refusal import Refusal, bad_argument

_SUMMARY_SECTIONS: Final = (
    ("11450-4", "Problem list", "Condition"),
    ("48765-2", "Allergies and adverse reactions", "AllergyIntolerance"),
    ("10160-0", "Medication use", "MedicationStatement"),
    ("11369-6", "Immunizations", "Immunization"),
)
_FIND_FREE_PARAMETERS: Final = {"start", "end", "schedule", "_count", "_page_token", "_offset", "_page"}


def patient_summary(context: RequestContext, patient_id: str) -> dict[str, Any]:
    """Build an IPS document: Composition, Patient, records of up to four sections. Raises Refusal (404)."""
    patient = context.find_record("Patient", patient_id)
    if not patient:
        raise Refusal("engine", 404, "Resource not found", "not-found")
    sections = [
        (_summary_section(*section, rows), rows)
        for section in _SUMMARY_SECTIONS
        if (rows := _patient_records(context, section[2], patient_id))
    ]
    resources = [_summary_composition(context, patient, [section for section, _ in sections])]
    resources += [
        context.render(record) for record in (patient, *(row for _, rows in sections for row in rows))
    ]
    return {
        "resourceType": "Bundle",
        "type": "document",
        "identifier": {"system": "urn:ietf:rfc:3986", "value": f"urn:uuid:{context.site.guid}"},
        "timestamp": "2026-06-30T00:00:00Z",
        "entry": [{"fullUrl": context.full_url(resource), "resource": resource} for resource in resources],
    }


def patient_id_by_identifier(context: RequestContext, pairs: list[Pair]) -> str:
    """Return the id of the patient that `Patient/$summary?identifier=` names (IPS operation).

    Raises Refusal: 400 without an identifier, 404 unless exactly one patient has it.
    """
    identifiers = [("identifier", value) for name, value in pairs if name == "identifier"]
    if not identifiers:
        raise bad_argument("$summary needs an id or an identifier")
    patients = context.engine.select(parse_search("Patient", identifiers))
    if len(patients) != 1:
        raise Refusal("engine", 404, "Resource not found", "not-found")
    return str(patients[0].resource["id"])


def find_free_slots(context: RequestContext, pairs: list[Pair]) -> dict[str, Any]:
    """Search for free slots from `start` until before `end` (in Halo's date formats), by schedule."""
    if unknown := [name for name, _ in pairs if name not in _FIND_FREE_PARAMETERS]:
        raise bad_argument(f"Unsupported operation parameter: {unknown[0]}")
    names = {"start": ("start", "ge"), "end": ("start", "lt")}
    criteria = [
        (names[name][0], names[name][1] + value) if name in names else (name, value) for name, value in pairs
    ]
    return searchset(context, "Slot", [("status", "free"), *criteria])


def _patient_records(context: RequestContext, resource_type: str, patient_id: str) -> list[Record]:
    local = f"Patient/{patient_id}"
    rows = context.engine.visible_records(resource_type)
    return [
        row for row in rows if (row.resource.get("subject") or row.resource["patient"])["reference"] == local
    ]


def _summary_section(code: str, title: str, resource_type: str, records: list[Record]) -> dict[str, Any]:
    entries = [{"reference": f"{resource_type}/{record.resource['id']}"} for record in records]
    return {"title": title, "code": codeable_concept(LOINC, code, title), "entry": entries}


def _summary_composition(
    context: RequestContext, patient: Record, sections: list[dict[str, Any]]
) -> dict[str, Any]:
    return {
        "resourceType": "Composition",
        "id": f"summary-{patient.resource['id']}",
        "meta": {"lastUpdated": patient.resource["meta"]["lastUpdated"]},
        "status": "final",
        "type": codeable_concept(LOINC, "60591-5", "Patient summary"),
        "subject": {"reference": f"Patient/{patient.resource['id']}"},
        "date": "2026-06-30",
        "author": [{"reference": "Organization/1"}],
        "title": f"Patient summary, {context.site.name}",
        "section": sections,
    }
