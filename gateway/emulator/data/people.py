"""Organization, locations, practitioners and patients of a practice."""

from datetime import date, timedelta
from typing import Any, Final

from gateway.emulator.data.identifiers import (
    healthcare_identifier,
    identifier,
    medicare_number,
    provider_number,
)
from gateway.emulator.data.records import PracticeBuilder, Resource, reference_to
from gateway.emulator.data.terms import (
    AREA_CODES,
    FAMILY_NAMES,
    FEMALE_NAMES,
    MALE_NAMES,
    SNOMED_CT,
    STREETS,
    SUBURBS,
    codeable_concept,
)

_EARLIEST_BIRTH_DATE: Final = date(1928, 1, 1)
_BIRTH_SPAN_DAYS: Final = 35_500
_AU_PATIENT: Final = "http://hl7.org.au/fhir/StructureDefinition/au-patient"

_XHTML_NAMESPACE: Final = 'xmlns="http://www.w3.org/1999/xhtml"'


def add_practice(builder: PracticeBuilder) -> None:
    """Add one Organization and two Locations."""
    organization = builder.add(
        {
            "resourceType": "Organization",
            "identifier": [identifier("NOI", healthcare_identifier("800362", int(builder.site.pms_id)))],
            "active": True,
            "name": builder.site.name,
            "telecom": [phone(builder, "work")],
            "address": [address(builder)],
        }
    )
    for name in ("Main rooms", "Annexe"):
        builder.add(
            {
                "resourceType": "Location",
                "status": "active",
                "name": f"{builder.site.name}, {name}",
                "address": address(builder),
                "managingOrganization": reference_to(organization),
            }
        )


def add_practitioners(builder: PracticeBuilder, count: int) -> None:
    """Add `count` Practitioners with a PractitionerRole each; the last Practitioner is inactive."""
    for index in range(count):
        active = index < count - 1
        practitioner = builder.add(_practitioner(builder, index, active=active), active=active)
        builder.add(_practitioner_role(builder, practitioner, active=active), active=active)


def add_patients(builder: PracticeBuilder, count: int) -> None:
    """Add `count` Patients. The first is always Matilda Zzyzx; every seventeenth is inactive."""
    for index in range(count):
        active = index % 17 != 16  # noqa: PLR2004 - any remainder that leaves the first patients active
        builder.add(
            _fixed_patient(builder) if index == 0 else _patient(builder, index, active=active), active=active
        )


def phone(builder: PracticeBuilder, use: str) -> dict[str, Any]:
    """Build a ContactPoint in the ranges that ACMA reserves for fiction (7010 xxxx, 0491 570 xxx)."""
    if use == "mobile":
        return {"system": "phone", "use": use, "value": f"0491 570 {builder.rng.randrange(1000):03}"}
    prefix = AREA_CODES[builder.site.state]
    return {"system": "phone", "use": use, "value": f"({prefix}) 7010 {builder.rng.randrange(10_000):04}"}


def address(builder: PracticeBuilder) -> dict[str, Any]:
    """Build an Address in the site's state."""
    suburb, postcode = builder.pick(SUBURBS[builder.site.state])
    return {
        "use": "home",
        "line": [f"{builder.rng.randrange(1, 300)} {builder.pick(STREETS)} Street"],
        "city": suburb,
        "state": builder.site.state,
        "postalCode": postcode,
        "country": "AU",
    }


def _human_name(prefix: str, given_names: list[str], family: str) -> dict[str, Any]:
    text = " ".join([prefix, *given_names, family])
    return {"use": "official", "text": text, "family": family, "given": given_names, "prefix": [prefix]}


def _narrative(name: dict[str, Any]) -> dict[str, str]:
    return {"status": "generated", "div": f"<div {_XHTML_NAMESPACE}>{name['text']}</div>"}


def _practitioner(builder: PracticeBuilder, index: int, *, active: bool) -> Resource:
    female = builder.chance(0.5)
    return {
        "resourceType": "Practitioner",
        "identifier": [
            identifier("NPI", healthcare_identifier("800361", int(builder.site.pms_id) + index * 7)),
        ],
        "active": active,
        "name": [
            _human_name(
                "Dr", [builder.pick(FEMALE_NAMES if female else MALE_NAMES)], builder.pick(FAMILY_NAMES)
            )
        ],
        "telecom": [phone(builder, "work")],
        "gender": "female" if female else "male",
    }


def _practitioner_role(builder: PracticeBuilder, practitioner: Resource, *, active: bool) -> Resource:
    return {
        "resourceType": "PractitionerRole",
        "identifier": [identifier("UPIN", provider_number(builder.rng))],
        "active": active,
        "period": {"start": "2015-02-01"} | ({} if active else {"end": "2025-06-30"}),
        "practitioner": reference_to(practitioner),
        "organization": {"reference": "Organization/1"},
        "code": [codeable_concept(SNOMED_CT, "62247001", "General practitioner")],
        "location": [{"reference": "Location/1"}],
    }


def _fixed_patient(builder: PracticeBuilder) -> Resource:
    name = _human_name("Ms", ["Matilda", "Jane"], "Zzyzx")
    fixed = {"name": [name], "text": _narrative(name), "gender": "female", "birthDate": "1980-02-29"}
    return _patient(builder, 0, active=True) | fixed


def _patient(builder: PracticeBuilder, index: int, *, active: bool) -> Resource:
    female = builder.chance(0.5)
    given_names = [
        builder.pick(FEMALE_NAMES if female else MALE_NAMES) for _ in range(builder.rng.choice((1, 1, 2)))
    ]
    patient: Resource = {
        "resourceType": "Patient",
        "identifier": [
            identifier("NI", healthcare_identifier("800360", int(builder.site.pms_id) * 31 + index)),
            identifier("MC", medicare_number(builder.rng)),
        ],
        "active": active,
        "name": [_human_name("Ms" if female else "Mr", given_names, builder.pick(FAMILY_NAMES))],
        "telecom": [phone(builder, "mobile"), phone(builder, "home")],
        "gender": "female" if female else "male",
        "birthDate": (
            _EARLIEST_BIRTH_DATE + timedelta(days=builder.rng.randrange(_BIRTH_SPAN_DAYS))
        ).isoformat(),
        "address": [address(builder)],
        "generalPractitioner": [{"reference": f"Practitioner/{builder.rng.randrange(1, 3)}"}],
        "managingOrganization": {"reference": "Organization/1"},
    }
    if builder.chance(0.03):
        patient["deceasedDateTime"] = (
            f"2025-{builder.rng.randrange(1, 13):02}-{builder.rng.randrange(1, 28):02}"
        )
    patient["text"] = _narrative(patient["name"][0])
    patient["meta"] = {"lastUpdated": builder.random_last_updated("Patient"), "profile": [_AU_PATIENT]}
    return patient
