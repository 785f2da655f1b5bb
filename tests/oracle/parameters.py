"""R4's search parameters of the types in the test, and the values of a resource under each.

A path is names with dots; a name with `[word]` keeps the elements whose `system` is that word.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

_TABLE: Final = """
* _id token id
* _lastUpdated instant meta.lastUpdated
Patient active token active
Patient address string address.line address.city address.state address.postalCode
Patient address-city string address.city
Patient address-postalcode string address.postalCode
Patient address-state string address.state
Patient birthdate date birthDate
Patient death-date date deceasedDateTime
Patient family string name.family
Patient gender token gender
Patient general-practitioner reference>Practitioner generalPractitioner
Patient given string name.given
Patient identifier token identifier
Patient name string name.family name.given name.text name.prefix
Patient organization reference>Organization managingOrganization
Patient phone token telecom[phone]
Patient telecom token telecom
Practitioner family string name.family
Practitioner gender token gender
Practitioner identifier token identifier
Practitioner name string name.family name.given name.text
PractitionerRole date date period
PractitionerRole location reference>Location location
PractitionerRole organization reference>Organization organization
PractitionerRole practitioner reference>Practitioner practitioner
PractitionerRole role token code
Organization identifier token identifier
Organization name string name
Location name string name
Location organization reference>Organization managingOrganization
Schedule actor reference>Practitioner,Location actor
Schedule date date planningHorizon
Slot schedule reference>Schedule schedule
Slot start instant start
Slot status token status
Appointment actor reference>Patient,Practitioner,Location participant.actor
Appointment appointment-type token appointmentType
Appointment date instant start
Appointment location reference>Location participant.actor
Appointment part-status token participant.status
Appointment patient reference>Patient participant.actor
Appointment practitioner reference>Practitioner participant.actor
Appointment slot reference>Slot slot
Appointment status token status
AllergyIntolerance clinical-status token clinicalStatus
AllergyIntolerance code token code
AllergyIntolerance criticality token criticality
AllergyIntolerance date date recordedDate
AllergyIntolerance patient reference>Patient patient
AllergyIntolerance recorder reference>Practitioner recorder
AllergyIntolerance verification-status token verificationStatus
Immunization date date occurrenceDateTime
Immunization lot-number string lotNumber
Immunization patient reference>Patient patient
Immunization performer reference>Practitioner performer.actor
Immunization status token status
Immunization vaccine-code token vaccineCode
MedicationStatement code token medicationCodeableConcept
MedicationStatement effective date effectiveDateTime effectivePeriod
MedicationStatement patient reference>Patient subject
MedicationStatement status token status
MedicationStatement subject reference>Patient subject
Condition category token category
Condition clinical-status token clinicalStatus
Condition code token code
Condition onset-date date onsetDateTime onsetPeriod
Condition patient reference>Patient subject
Condition recorded-date date recordedDate
Condition subject reference>Patient subject
Condition verification-status token verificationStatus
Observation category token category
Observation code token code
Observation date date effectiveDateTime effectivePeriod
Observation patient reference>Patient subject
Observation performer reference>Practitioner performer
Observation status token status
Observation subject reference>Patient subject
Encounter class token class
Encounter date date period
Encounter location reference>Location location.location
Encounter participant reference>Practitioner participant.individual
Encounter patient reference>Patient subject
Encounter practitioner reference>Practitioner participant.individual
Encounter service-provider reference>Organization serviceProvider
Encounter status token status
Encounter subject reference>Patient subject
DocumentReference author reference>Practitioner author
DocumentReference date instant date
DocumentReference patient reference>Patient subject
DocumentReference status token status
DocumentReference subject reference>Patient subject
DocumentReference type token type
"""
_ABSOLUTE: Final = re.compile(r"https?://.*/([A-Za-z]+/[A-Za-z0-9.-]{1,64})$")


@dataclass(frozen=True)
class Parameter:
    """A search parameter of one type; `kind` is string, token, reference, date or instant."""

    base: str
    code: str
    kind: str
    paths: tuple[str, ...]
    targets: tuple[str, ...] = ()

    @property
    def is_date(self) -> bool:
        return self.kind in {"date", "instant"}


def _table() -> dict[str, dict[str, Parameter]]:
    rows = [line.split() for line in _TABLE.strip().splitlines()]
    types = sorted({row[0] for row in rows} - {"*"})
    table: dict[str, dict[str, Parameter]] = {name: {} for name in types}
    for base, code, type_and_targets, *paths in rows:
        kind, _, targets = type_and_targets.partition(">")
        for name in types if base == "*" else [base]:
            table[name][code] = Parameter(
                name, code, kind, tuple(paths), tuple(filter(None, targets.split(",")))
            )
    return table


#: Parameters by type and code.
PARAMETERS: Final = _table()
TYPES: Final = tuple(PARAMETERS)


def elements(parameter: Parameter, resource: dict[str, Any]) -> list[Any]:
    """The elements of a resource under a parameter; references to its targets, as `Type/id`."""
    found = [value for path in parameter.paths for value in _walk(resource, path.split("."))]
    if parameter.kind != "reference":
        return found
    local = [local_reference(value["reference"]) for value in found if "reference" in value]
    return [reference for reference in local if reference.partition("/")[0] in parameter.targets]


def local_reference(text: str) -> str:
    """`Type/id` of a relative reference or an absolute URL."""
    match = _ABSOLUTE.match(text)
    return match[1] if match else text


def _walk(value: Any, names: list[str]) -> Iterator[Any]:
    if isinstance(value, list):
        for item in value:
            yield from _walk(item, names)
    elif not names:
        yield value
    elif isinstance(value, dict):
        name, _, system = names[0].rstrip("]").partition("[")
        items = value.get(name, [])
        for item in items if isinstance(items, list) else [items]:
            if not system or item.get("system") == system:
                yield from _walk(item, names[1:])
