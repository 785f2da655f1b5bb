"""Search parameters of the emulated resource types: R4 code, type, FHIRPath expression, targets."""

from dataclasses import dataclass
from typing import Final, Literal

ParameterType = Literal["string", "token", "reference", "date"]


@dataclass(frozen=True)
class Parameter:
    """An R4 SearchParameter of one base type. `targets`: resource types that a reference may have."""

    base: str
    code: str
    type: ParameterType
    expression: str
    targets: tuple[str, ...] = ()


_PEOPLE_TYPES: Final = "Practitioner PractitionerRole Patient"
#: Base type (`*`: all) | code | type and targets | expression, in which `$` is the base type.
_PARAMETER_TABLE: Final = """
* | _id | token | $.id
* | _lastUpdated | date | $.meta.lastUpdated
* | _tag | token | $.meta.tag
* | _profile | token | $.meta.profile
Patient | active | token | $.active
Patient | address | string | $.address.line | $.address.city | $.address.state | $.address.postalCode
Patient | address-city | string | $.address.city
Patient | address-postalcode | string | $.address.postalCode
Patient | address-state | string | $.address.state
Patient | birthdate | date | $.birthDate
Patient | death-date | date | $.deceased.ofType(dateTime)
Patient | deceased | token | $.deceased.exists()
Patient | email | token | $.telecom.where(system='email')
Patient | family | string | $.name.family
Patient | gender | token | $.gender
Patient | general-practitioner | reference Practitioner PractitionerRole Organization | $.generalPractitioner
Patient | given | string | $.name.given
Patient | identifier | token | $.identifier
Patient | name | string | $.name.family | $.name.given | $.name.text | $.name.prefix
Patient | organization | reference Organization | $.managingOrganization
Patient | phone | token | $.telecom.where(system='phone')
Patient | telecom | token | $.telecom
Practitioner | active | token | $.active
Practitioner | family | string | $.name.family
Practitioner | gender | token | $.gender
Practitioner | given | string | $.name.given
Practitioner | identifier | token | $.identifier
Practitioner | name | string | $.name.family | $.name.given | $.name.text
PractitionerRole | active | token | $.active
PractitionerRole | date | date | $.period
PractitionerRole | identifier | token | $.identifier
PractitionerRole | location | reference Location | $.location
PractitionerRole | organization | reference Organization | $.organization
PractitionerRole | practitioner | reference Practitioner | $.practitioner
PractitionerRole | role | token | $.code
PractitionerRole | specialty | token | $.specialty
Organization | active | token | $.active
Organization | address | string | $.address.line | $.address.city | $.address.state | $.address.postalCode
Organization | identifier | token | $.identifier
Organization | name | string | $.name | $.alias
Location | address | string | $.address.line | $.address.city | $.address.state | $.address.postalCode
Location | identifier | token | $.identifier
Location | name | string | $.name | $.alias
Location | organization | reference Organization | $.managingOrganization
Location | status | token | $.status
Schedule | active | token | $.active
Schedule | actor | reference Practitioner PractitionerRole Location | $.actor
Schedule | date | date | $.planningHorizon
Schedule | identifier | token | $.identifier
Slot | appointment-type | token | $.appointmentType
Slot | identifier | token | $.identifier
Slot | schedule | reference Schedule | $.schedule
Slot | start | date | $.start
Slot | status | token | $.status
Appointment | actor | reference Patient Practitioner PractitionerRole Location | $.participant.actor
Appointment | appointment-type | token | $.appointmentType
Appointment | date | date | $.start
Appointment | identifier | token | $.identifier
Appointment | location | reference Location | $.participant.actor
Appointment | part-status | token | $.participant.status
Appointment | patient | reference Patient | $.participant.actor
Appointment | practitioner | reference Practitioner | $.participant.actor
Appointment | slot | reference Slot | $.slot
Appointment | status | token | $.status
AllergyIntolerance | clinical-status | token | $.clinicalStatus
AllergyIntolerance | code | token | $.code | $.reaction.substance
AllergyIntolerance | criticality | token | $.criticality
AllergyIntolerance | date | date | $.recordedDate
AllergyIntolerance | identifier | token | $.identifier
AllergyIntolerance | last-date | date | $.lastOccurrence
AllergyIntolerance | onset | date | $.reaction.onset
AllergyIntolerance | patient | reference Patient | $.patient
AllergyIntolerance | recorder | reference {people} | $.recorder
AllergyIntolerance | verification-status | token | $.verificationStatus
Immunization | date | date | $.occurrence
Immunization | identifier | token | $.identifier
Immunization | lot-number | string | $.lotNumber
Immunization | patient | reference Patient | $.patient
Immunization | performer | reference {people} Organization | $.performer.actor
Immunization | status | token | $.status
Immunization | vaccine-code | token | $.vaccineCode
MedicationStatement | code | token | $.medication.ofType(CodeableConcept)
MedicationStatement | effective | date | $.effective
MedicationStatement | identifier | token | $.identifier
MedicationStatement | patient | reference Patient | $.subject
MedicationStatement | status | token | $.status
MedicationStatement | subject | reference Patient | $.subject
Condition | abatement-date | date | $.abatement.ofType(dateTime) | $.abatement.ofType(Period)
Condition | asserter | reference {people} | $.asserter
Condition | category | token | $.category
Condition | clinical-status | token | $.clinicalStatus
Condition | code | token | $.code
Condition | encounter | reference Encounter | $.encounter
Condition | identifier | token | $.identifier
Condition | onset-date | date | $.onset.ofType(dateTime) | $.onset.ofType(Period)
Condition | patient | reference Patient | $.subject
Condition | recorded-date | date | $.recordedDate
Condition | subject | reference Patient | $.subject
Condition | verification-status | token | $.verificationStatus
Observation | category | token | $.category
Observation | code | token | $.code
Observation | date | date | $.effective
Observation | encounter | reference Encounter | $.encounter
Observation | identifier | token | $.identifier
Observation | patient | reference Patient | $.subject
Observation | performer | reference {people} Organization | $.performer
Observation | status | token | $.status
Observation | subject | reference Patient | $.subject
Encounter | class | token | $.class
Encounter | date | date | $.period
Encounter | identifier | token | $.identifier
Encounter | location | reference Location | $.location.location
Encounter | location-period | date | $.location.period
Encounter | participant | reference {people} | $.participant.individual
Encounter | patient | reference Patient | $.subject
Encounter | practitioner | reference Practitioner | $.participant.individual
Encounter | service-provider | reference Organization | $.serviceProvider
Encounter | status | token | $.status
Encounter | subject | reference Patient | $.subject
DocumentReference | author | reference {people} Organization | $.author
DocumentReference | category | token | $.category
DocumentReference | contenttype | token | $.content.attachment.contentType
DocumentReference | date | date | $.date
DocumentReference | description | string | $.description
DocumentReference | identifier | token | $.identifier
DocumentReference | patient | reference Patient | $.subject
DocumentReference | period | date | $.context.period
DocumentReference | status | token | $.status
DocumentReference | subject | reference Patient | $.subject
DocumentReference | type | token | $.type
""".replace("{people}", _PEOPLE_TYPES)

#: Parameters whose element is an `instant`, a point in time. `_lastUpdated` is an instant on every type.
INSTANT_PARAMETERS: Final = {("Appointment", "date"), ("Slot", "start"), ("DocumentReference", "date")}

RESOURCE_TYPES: Final = (
    "Patient", "Practitioner", "PractitionerRole", "Organization", "Location", "Schedule", "Slot",
    "Appointment", "AllergyIntolerance", "Immunization", "MedicationStatement", "Condition", "Observation",
    "Encounter", "DocumentReference", "Binary",
)  # fmt: skip


def _parse_table() -> dict[tuple[str, str], Parameter]:
    table = {}
    for line in _PARAMETER_TABLE.strip().splitlines():
        base, code, type_and_targets, expression = (cell.strip() for cell in line.split(" | ", 3))
        kind, *targets = type_and_targets.split()
        for name in RESOURCE_TYPES if base == "*" else (base,):
            table[name, code] = Parameter(name, code, kind, expression.replace("$", name), tuple(targets))  # type: ignore[arg-type]
    return table


#: Search parameters by (resource type, code).
PARAMETERS: Final = _parse_table()


def parameters_of(base: str) -> list[Parameter]:
    """Return the parameters of one resource type."""
    return [parameter for parameter in PARAMETERS.values() if parameter.base == base]
