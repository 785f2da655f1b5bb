"""Clinical records of one patient, from a table with one generator per resource type."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Final

from gateway.emulator.data.records import PracticeBuilder, Resource, wall_time_to_instant
from gateway.emulator.data.terms import (
    ALLERGENS,
    MEASURES,
    MEDICINES,
    PROBLEMS,
    VACCINES,
    codeable_concept,
    hl7_codeable_concept,
)

_HISTORY_START: Final = datetime(2019, 1, 1)  # noqa: DTZ001 - wall-clock time, as in the practice's database
_RECENT_START: Final = datetime(2026, 3, 1)  # noqa: DTZ001 - as above
_HISTORY_DAYS: Final = 2_600


def add_clinical_records(builder: PracticeBuilder, patient_id: str, fullness: float, minimum: int) -> None:
    """Add records of every clinical type for a patient: `minimum` or more per type, scaled by `fullness`."""
    for generate, maximum in _GENERATORS:
        for _ in range(max(minimum, int(builder.rng.random() * fullness * (maximum + 1)))):
            for resource in generate(builder, {"reference": f"Patient/{patient_id}"}):
                builder.add(resource, active=not builder.chance(0.05))


def _random_instant(builder: PracticeBuilder) -> str:
    return wall_time_to_instant(builder.random_wall_time(_HISTORY_START, _HISTORY_DAYS), builder.site.zone)


def _practitioner_reference(builder: PracticeBuilder) -> Resource:
    return {"reference": f"Practitioner/{builder.rng.randrange(1, 3)}"}


def _allergy_intolerances(builder: PracticeBuilder, patient: Resource) -> Iterator[Resource]:
    yield {
        "resourceType": "AllergyIntolerance",
        "clinicalStatus": hl7_codeable_concept("allergyintolerance-clinical", "active"),
        "verificationStatus": hl7_codeable_concept("allergyintolerance-verification", "confirmed"),
        "type": "allergy",
        "criticality": builder.pick(("low", "high")),
        "code": codeable_concept(*builder.pick(ALLERGENS)),
        "patient": patient,
        "recordedDate": _random_instant(builder),
        "recorder": _practitioner_reference(builder),
        "reaction": [{"manifestation": [{"text": builder.pick(("Rash", "Wheeze", "Anaphylaxis"))}]}],
    }


def _immunizations(builder: PracticeBuilder, patient: Resource) -> Iterator[Resource]:
    moment = _random_instant(builder)
    yield {
        "resourceType": "Immunization",
        "status": "completed",
        "vaccineCode": codeable_concept(*builder.pick(VACCINES)),
        "patient": patient,
        "occurrenceDateTime": moment if builder.chance(0.5) else moment[:10],
        "primarySource": True,
        "lotNumber": f"L{builder.rng.randrange(10_000):04}",
        "performer": [{"actor": _practitioner_reference(builder)}],
    }


def _medication_statements(builder: PracticeBuilder, patient: Resource) -> Iterator[Resource]:
    medicine, authored = codeable_concept(*builder.pick(MEDICINES)), _random_instant(builder)
    count = builder.rng.randrange(1, 3)
    requests = [_medication_request(patient, medicine, authored, index) for index in range(count)]
    yield {
        "resourceType": "MedicationStatement",
        "contained": requests,
        "basedOn": [{"reference": f"#{request['id']}"} for request in requests],
        "status": builder.pick(("active", "completed")),
        "medicationCodeableConcept": medicine,
        "subject": patient,
        "effectivePeriod": {"start": authored} | ({} if builder.chance(0.6) else {"end": "2026-06-30"}),
        "dateAsserted": authored,
        "dosage": [{"text": "1 tablet twice a day"}],
    }


def _medication_request(patient: Resource, medicine: Resource, authored_on: str, index: int) -> Resource:
    return {
        "resourceType": "MedicationRequest",
        "id": f"prescription-{index + 1}",
        "status": "active",
        "intent": "order",
        "medicationCodeableConcept": medicine,
        "subject": patient,
        "authoredOn": authored_on,
    }


def _conditions(builder: PracticeBuilder, patient: Resource) -> Iterator[Resource]:
    onset = _random_instant(builder)
    yield {
        "resourceType": "Condition",
        "clinicalStatus": hl7_codeable_concept("condition-clinical", "active"),
        "verificationStatus": hl7_codeable_concept("condition-ver-status", "confirmed"),
        "category": [hl7_codeable_concept("condition-category", "problem-list-item")],
        "code": codeable_concept(*builder.pick(PROBLEMS)),
        "subject": patient,
        "onsetDateTime": onset[: builder.pick((4, 7, 10, len(onset)))],
        "recordedDate": _random_instant(builder),
        "recorder": _practitioner_reference(builder),
    }


def _observations(builder: PracticeBuilder, patient: Resource) -> Iterator[Resource]:
    system, code, text, unit, low, high = builder.pick(MEASURES)
    wall = builder.random_wall_time(_RECENT_START, 60)
    if builder.chance(0.4):
        wall += timedelta(milliseconds=builder.rng.randrange(1, 60_000))
    yield {
        "resourceType": "Observation",
        "status": "final",
        "category": [hl7_codeable_concept("observation-category", "vital-signs")],
        "code": codeable_concept(system, code, text),
        "subject": patient,
        "effectiveDateTime": wall_time_to_instant(wall, builder.site.zone),
        "performer": [_practitioner_reference(builder)],
        "valueQuantity": {
            "value": round(builder.rng.uniform(low, high), 1),
            "unit": unit,
            "system": "http://unitsofmeasure.org",
            "code": unit,
        },
    }


def _encounters(builder: PracticeBuilder, patient: Resource) -> Iterator[Resource]:
    start = builder.random_wall_time(_RECENT_START, 60)
    if is_late := builder.chance(0.15):
        start = start.replace(hour=22)
    minutes = builder.rng.randrange(120, 600) if is_late else builder.rng.randrange(5, 60)
    period = {"start": wall_time_to_instant(start, builder.site.zone)}
    if is_finished := builder.chance(0.85):
        period["end"] = wall_time_to_instant(start + timedelta(minutes=minutes), builder.site.zone)
    yield {
        "resourceType": "Encounter",
        "status": "finished" if is_finished else "in-progress",
        "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"},
        "subject": patient,
        "participant": [{"individual": _practitioner_reference(builder)}],
        "period": period,
        "location": [{"location": {"reference": "Location/1"}}],
        "serviceProvider": {"reference": "Organization/1"},
    }


_Generator = Callable[[PracticeBuilder, Resource], Iterator[Resource]]
#: Generator of each type, with the maximum number of calls per patient at fullness 1.
_GENERATORS: Final[tuple[tuple[_Generator, int], ...]] = (
    (_allergy_intolerances, 2),
    (_immunizations, 4),
    (_medication_statements, 3),
    (_conditions, 3),
    (_observations, 4),
    (_encounters, 3),
)
