"""Operations `Patient/{id}/$everything` and `Observation/$lastn`, whose Bundles have pages."""

from collections import Counter
from collections.abc import Iterable
from typing import Any, Final

from gateway.emulator.bundle import record_page
from gateway.emulator.data.records import Record
from gateway.emulator.links import split_page_position
from gateway.emulator.request_context import RequestContext
from gateway.emulator.search.parameters import PARAMETERS
from gateway.emulator.search.query import DEFAULT_COUNT, Pair, ParsedSearch, parse_search
from gateway.emulator.search.refusal import Refusal, bad_argument

_PATIENT_TYPES: Final = (
    *("AllergyIntolerance", "Immunization", "MedicationStatement", "Condition", "Observation", "Encounter"),
    *("DocumentReference", "Appointment"),
)
#: Parameter of `$everything` -> date parameter of each type, and prefix.
_RANGE_PARAMETERS: Final = {"start": ("date", "ge"), "end": ("date", "le"), "_since": ("_lastUpdated", "ge")}


def patient_everything(context: RequestContext, patient_id: str, request_pairs: list[Pair]) -> dict[str, Any]:
    """Build one page of a patient's records. Raises Refusal: 404, or 400 for a wrong parameter."""
    patient = context.find_record("Patient", patient_id)
    if not patient:
        raise Refusal("engine", 404, "Resource not found", "not-found")
    pairs, offset = split_page_position(request_pairs)
    if unknown := [name for name, _ in pairs if name not in {*_RANGE_PARAMETERS, "_count"}]:
        raise bad_argument(f"Unsupported operation parameter: {unknown[0]}")
    records = [patient]
    for resource_type in _PATIENT_TYPES:
        criteria = [*_range_criteria(resource_type, pairs), ("patient", f"Patient/{patient_id}")]
        records += context.engine.select(parse_search(resource_type, criteria))
    return _operation_page(context, f"Patient/{patient_id}/$everything", records, pairs, offset)


def last_observations(context: RequestContext, request_pairs: list[Pair]) -> dict[str, Any]:
    """Build one page of the latest `max` Observations of each code (R4 observation-operation-lastn.html)."""
    pairs, offset = split_page_position(request_pairs)
    maximum = int(dict(pairs).get("max", "1"))
    criteria = [pair for pair in pairs if pair[0] not in {"max", "_count"}]
    records = context.engine.select(parse_search("Observation", [*criteria, ("_sort", "-date")]))
    latest = list(_first_of_each_code(records, maximum))
    return _operation_page(context, "Observation/$lastn", latest, pairs, offset)


def _range_criteria(resource_type: str, pairs: list[Pair]) -> list[Pair]:
    ranges = [(*_RANGE_PARAMETERS[name], value) for name, value in pairs if name in _RANGE_PARAMETERS]
    return [(code, prefix + value) for code, prefix, value in ranges if (resource_type, code) in PARAMETERS]


def _first_of_each_code(records: Iterable[Record], maximum: int) -> Iterable[Record]:
    counts = Counter[str]()
    for record in records:
        code = record.resource["code"]["coding"][0]["code"]
        counts[code] += 1
        if counts[code] <= maximum:
            yield record


def _operation_page(
    context: RequestContext, path: str, records: list[Record], pairs: list[Pair], offset: int
) -> dict[str, Any]:
    """Build a page whose links lead to the operation itself."""
    count = int(dict(pairs).get("_count", DEFAULT_COUNT))
    return record_page(context, ParsedSearch(path, used_pairs=pairs, count=count), records, pairs, offset)
