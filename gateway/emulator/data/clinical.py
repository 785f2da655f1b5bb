"""Clinical records of one patient: table of generators, each giving the resources of one type."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any, Final

from gateway.emulator.data.records import Chart, Resource, wall_instant
from gateway.emulator.data.terms import (
    ALLERGENS,
    MEASURES,
    MEDICINES,
    PROBLEMS,
    VACCINES,
    concept,
    hl7_concept,
)

_HISTORY: Final = datetime(2019, 1, 1)  # noqa: DTZ001 - a wall-clock time, as the practice's database keeps it
_RECENT: Final = datetime(2026, 3, 1)  # noqa: DTZ001 - as above
_HISTORY_DAYS: Final = 2_600


def add_clinical(chart: Chart, patient: str, fullness: float, least: int) -> None:
    """Records of every clinical type for a patient: at `least` so many of each, scaled by `fullness`."""
    for generate, most in _GENERATORS:
        for _ in range(max(least, int(chart.rng.random() * fullness * (most + 1)))):
            for resource in generate(chart, {"reference": f"Patient/{patient}"}):
                chart.add(resource, active=not chart.chance(0.05))


def _moment(chart: Chart) -> str:
    return wall_instant(chart.wall(_HISTORY, _HISTORY_DAYS), chart.site.zone)


def _doctor(chart: Chart) -> Resource:
    return {"reference": f"Practitioner/{chart.rng.randrange(1, 3)}"}


def _allergies(chart: Chart, patient: Resource) -> Iterator[Resource]:
    yield {
        "resourceType": "AllergyIntolerance",
        "clinicalStatus": hl7_concept("allergyintolerance-clinical", "active"),
        "verificationStatus": hl7_concept("allergyintolerance-verification", "confirmed"),
        "type": "allergy",
        "criticality": chart.pick(("low", "high")),
        "code": concept(*chart.pick(ALLERGENS)),
        "patient": patient,
        "recordedDate": _moment(chart),
        "recorder": _doctor(chart),
        "reaction": [{"manifestation": [{"text": chart.pick(("Rash", "Wheeze", "Anaphylaxis"))}]}],
    }


def _immunizations(chart: Chart, patient: Resource) -> Iterator[Resource]:
    moment = _moment(chart)
    yield {
        "resourceType": "Immunization",
        "status": "completed",
        "vaccineCode": concept(*chart.pick(VACCINES)),
        "patient": patient,
        "occurrenceDateTime": moment if chart.chance(0.5) else moment[:10],
        "primarySource": True,
        "lotNumber": f"L{chart.rng.randrange(10_000):04}",
        "performer": [{"actor": _doctor(chart)}],
    }


def _medications(chart: Chart, patient: Resource) -> Iterator[Resource]:
    medicine, authored = concept(*chart.pick(MEDICINES)), _moment(chart)
    requests = [_prescription(patient, medicine, authored, n) for n in range(chart.rng.randrange(1, 3))]
    yield {
        "resourceType": "MedicationStatement",
        "contained": requests,
        "basedOn": [{"reference": f"#{request['id']}"} for request in requests],
        "status": chart.pick(("active", "completed")),
        "medicationCodeableConcept": medicine,
        "subject": patient,
        "effectivePeriod": {"start": authored} | ({} if chart.chance(0.6) else {"end": "2026-06-30"}),
        "dateAsserted": authored,
        "dosage": [{"text": "1 tablet twice a day"}],
    }


def _prescription(patient: Resource, medicine: Resource, authored: str, number: int) -> Resource:
    return {
        "resourceType": "MedicationRequest",
        "id": f"prescription-{number + 1}",
        "status": "active",
        "intent": "order",
        "medicationCodeableConcept": medicine,
        "subject": patient,
        "authoredOn": authored,
    }


def _conditions(chart: Chart, patient: Resource) -> Iterator[Resource]:
    onset = _moment(chart)
    yield {
        "resourceType": "Condition",
        "clinicalStatus": hl7_concept("condition-clinical", "active"),
        "verificationStatus": hl7_concept("condition-ver-status", "confirmed"),
        "category": [hl7_concept("condition-category", "problem-list-item")],
        "code": concept(*chart.pick(PROBLEMS)),
        "subject": patient,
        "onsetDateTime": onset[: chart.pick((4, 7, 10, len(onset)))],
        "recordedDate": _moment(chart),
        "recorder": _doctor(chart),
    }


def _observations(chart: Chart, patient: Resource) -> Iterator[Resource]:
    system, code, text, unit, low, high = chart.pick(MEASURES)
    wall = chart.wall(_RECENT, 60)
    if chart.chance(0.4):
        wall += timedelta(milliseconds=chart.rng.randrange(1, 60_000))
    yield {
        "resourceType": "Observation",
        "status": "final",
        "category": [hl7_concept("observation-category", "vital-signs")],
        "code": concept(system, code, text),
        "subject": patient,
        "effectiveDateTime": wall_instant(wall, chart.site.zone),
        "performer": [_doctor(chart)],
        "valueQuantity": {
            "value": round(chart.rng.uniform(low, high), 1),
            "unit": unit,
            "system": "http://unitsofmeasure.org",
            "code": unit,
        },
    }


def _encounters(chart: Chart, patient: Resource) -> Iterator[Resource]:
    start = chart.wall(_RECENT, 60)
    if late := chart.chance(0.15):
        start = start.replace(hour=22)
    minutes = chart.rng.randrange(120, 600) if late else chart.rng.randrange(5, 60)
    period = {"start": wall_instant(start, chart.site.zone)}
    if finished := chart.chance(0.85):
        period["end"] = wall_instant(start + timedelta(minutes=minutes), chart.site.zone)
    yield {
        "resourceType": "Encounter",
        "status": "finished" if finished else "in-progress",
        "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"},
        "subject": patient,
        "participant": [{"individual": _doctor(chart)}],
        "period": period,
        "location": [{"location": {"reference": "Location/1"}}],
        "serviceProvider": {"reference": "Organization/1"},
    }


_Generator = Callable[[Chart, dict[str, Any]], Iterator[Resource]]
_GENERATORS: Final[tuple[tuple[_Generator, int], ...]] = (
    (_allergies, 2),
    (_immunizations, 4),
    (_medications, 3),
    (_conditions, 3),
    (_observations, 4),
    (_encounters, 3),
)
