"""The practice, its locations and practitioners, and its patients."""

from datetime import date, timedelta
from typing import Any, Final

from gateway.emulator.data.identifiers import (
    healthcare_identifier,
    identifier,
    medicare_number,
    provider_number,
)
from gateway.emulator.data.records import Chart, Resource, reference
from gateway.emulator.data.terms import AREA_CODES, FAMILY, FEMALE, MALE, SCT, STREETS, SUBURBS, concept

_FIRST_BIRTH: Final = date(1928, 1, 1)
_BIRTH_SPAN: Final = 35_500
_AU_PATIENT: Final = "http://hl7.org.au/fhir/StructureDefinition/au-patient"

_XHTML: Final = 'xmlns="http://www.w3.org/1999/xhtml"'


def add_practice(chart: Chart) -> None:
    """One Organization and two Locations."""
    organization = chart.add(
        {
            "resourceType": "Organization",
            "identifier": [identifier("NOI", healthcare_identifier("800362", int(chart.site.pms_id)))],
            "active": True,
            "name": chart.site.name,
            "telecom": [phone(chart, "work")],
            "address": [address(chart)],
        }
    )
    for name in ("Main rooms", "Annexe"):
        chart.add(
            {
                "resourceType": "Location",
                "status": "active",
                "name": f"{chart.site.name}, {name}",
                "address": address(chart),
                "managingOrganization": reference(organization),
            }
        )


def add_practitioners(chart: Chart, number: int) -> None:
    """`number` Practitioners with a PractitionerRole each; the last one has left (inactive)."""
    for index in range(number):
        active = index < number - 1
        practitioner = chart.add(_practitioner(chart, index, active=active), active=active)
        chart.add(_role(chart, practitioner, active=active), active=active)


def add_patients(chart: Chart, number: int) -> None:
    """`number` Patients. The first is always Matilda Zzyzx; every seventeenth is inactive."""
    for index in range(number):
        active = index % 17 != 16  # noqa: PLR2004 - any number that leaves the first ones active
        chart.add(
            _named_patient(chart) if index == 0 else _patient(chart, index, active=active), active=active
        )


def phone(chart: Chart, use: str) -> dict[str, Any]:
    """A ContactPoint in the ranges ACMA keeps for fiction (7010 xxxx, 0491 570 xxx)."""
    if use == "mobile":
        return {"system": "phone", "use": use, "value": f"0491 570 {chart.rng.randrange(1000):03}"}
    prefix = AREA_CODES[chart.site.state]
    return {"system": "phone", "use": use, "value": f"({prefix}) 7010 {chart.rng.randrange(10_000):04}"}


def address(chart: Chart) -> dict[str, Any]:
    """An Address in the site's state."""
    suburb, postcode = chart.pick(SUBURBS[chart.site.state])
    return {
        "use": "home",
        "line": [f"{chart.rng.randrange(1, 300)} {chart.pick(STREETS)} Street"],
        "city": suburb,
        "state": chart.site.state,
        "postalCode": postcode,
        "country": "AU",
    }


def _name(prefix: str, given: list[str], family: str) -> dict[str, Any]:
    text = " ".join([prefix, *given, family])
    return {"use": "official", "text": text, "family": family, "given": given, "prefix": [prefix]}


def _narrative(name: dict[str, Any]) -> dict[str, str]:
    return {"status": "generated", "div": f"<div {_XHTML}>{name['text']}</div>"}


def _practitioner(chart: Chart, index: int, *, active: bool) -> Resource:
    female = chart.chance(0.5)
    return {
        "resourceType": "Practitioner",
        "identifier": [
            identifier("NPI", healthcare_identifier("800361", int(chart.site.pms_id) + index * 7)),
        ],
        "active": active,
        "name": [_name("Dr", [chart.pick(FEMALE if female else MALE)], chart.pick(FAMILY))],
        "telecom": [phone(chart, "work")],
        "gender": "female" if female else "male",
    }


def _role(chart: Chart, practitioner: Resource, *, active: bool) -> Resource:
    return {
        "resourceType": "PractitionerRole",
        "identifier": [identifier("UPIN", provider_number(chart.rng))],
        "active": active,
        "period": {"start": "2015-02-01"} | ({} if active else {"end": "2025-06-30"}),
        "practitioner": reference(practitioner),
        "organization": {"reference": "Organization/1"},
        "code": [concept(SCT, "62247001", "General practitioner")],
        "location": [{"reference": "Location/1"}],
    }


def _named_patient(chart: Chart) -> Resource:
    name = _name("Ms", ["Matilda", "Jane"], "Zzyzx")
    fixed = {"name": [name], "text": _narrative(name), "gender": "female", "birthDate": "1980-02-29"}
    return _patient(chart, 0, active=True) | fixed


def _patient(chart: Chart, index: int, *, active: bool) -> Resource:
    female = chart.chance(0.5)
    given = [chart.pick(FEMALE if female else MALE) for _ in range(chart.rng.choice((1, 1, 2)))]
    patient: Resource = {
        "resourceType": "Patient",
        "identifier": [
            identifier("NI", healthcare_identifier("800360", int(chart.site.pms_id) * 31 + index)),
            identifier("MC", medicare_number(chart.rng)),
        ],
        "active": active,
        "name": [_name("Ms" if female else "Mr", given, chart.pick(FAMILY))],
        "telecom": [phone(chart, "mobile"), phone(chart, "home")],
        "gender": "female" if female else "male",
        "birthDate": (_FIRST_BIRTH + timedelta(days=chart.rng.randrange(_BIRTH_SPAN))).isoformat(),
        "address": [address(chart)],
        "generalPractitioner": [{"reference": f"Practitioner/{chart.rng.randrange(1, 3)}"}],
        "managingOrganization": {"reference": "Organization/1"},
    }
    if chart.chance(0.03):
        patient["deceasedDateTime"] = f"2025-{chart.rng.randrange(1, 13):02}-{chart.rng.randrange(1, 28):02}"
    patient["text"] = _narrative(patient["name"][0])
    patient["meta"] = {"lastUpdated": chart.last_updated("Patient"), "profile": [_AU_PATIENT]}
    return patient
