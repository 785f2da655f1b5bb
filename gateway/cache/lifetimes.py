"""Table: how long an answer of each resource type may be reused, and why no longer."""

from dataclasses import dataclass
from typing import Literal

Profile = Literal["off", "cautious", "balanced"]


@dataclass(frozen=True, slots=True)
class Lifetime:
    """One group of resource types; all times in seconds.

    `maximum` bounds what a site's settings may say, `stale` how long beyond its lifetime an answer may be
    served at all. `named`: stale only where the operator names the type itself, not by `*`.
    """

    group: str
    types: tuple[str, ...]
    cautious: int
    balanced: int
    max_seconds: int
    max_stale_seconds: int
    stale_by_name_only: bool
    reason: str

    def seconds_in_profile(self, profile: Profile) -> int:
        """The lifetime in a profile."""
        return {"off": 0, "cautious": self.cautious, "balanced": self.balanced}[profile]


LIFETIMES = (
    Lifetime(
        "statement",
        ("CapabilityStatement",),
        900,
        3600,
        3600,
        86_400,
        False,
        "What a site can do changes when its Halo Link is updated, not during a consultation.",
    ),
    Lifetime(
        "places and services",
        ("Endpoint", "HealthcareService", "Location", "Organization"),
        300,
        3600,
        3600,
        86_400,
        False,
        "Set up once by the practice; an old address misleads nobody about a patient.",
    ),
    Lifetime(
        "staff",
        ("Practitioner", "PractitionerRole"),
        300,
        900,
        3600,
        86_400,
        False,
        "Changes with the roster: a new locum must be found within the quarter hour.",
    ),
    Lifetime(
        "definitions",
        (
            *("CodeSystem", "ConceptMap", "NamingSystem", "OperationDefinition", "Questionnaire"),
            *("SearchParameter", "StructureDefinition", "ValueSet"),
        ),
        300,
        3600,
        3600,
        86_400,
        False,
        "Published definitions, not data about a person.",
    ),
    Lifetime(
        "people",
        ("Coverage", "Patient", "Person", "RelatedPerson"),
        15,
        60,
        60,
        3600,
        False,
        "Looked up several times within one encounter; a correction at the desk must show in the next.",
    ),
    Lifetime(
        "diary",
        ("Appointment", "AppointmentResponse", "Schedule", "Slot"),
        0,
        5,
        5,
        600,
        True,
        "Two people may want the same slot: an old answer books it twice.",
    ),
    Lifetime(
        "medicines and alerts",
        (
            *("AllergyIntolerance", "DetectedIssue", "Flag", "Immunization", "Medication"),
            *("MedicationAdministration", "MedicationDispense", "MedicationRequest", "MedicationStatement"),
        ),
        5,
        30,
        60,
        600,
        True,
        "A decision to prescribe rests on it: an allergy just recorded must not be missing.",
    ),
    Lifetime(
        "results",
        ("DiagnosticReport", "ImagingStudy", "Media", "Observation", "Specimen"),
        5,
        30,
        60,
        600,
        True,
        "Arrives while the patient waits, and may be urgent.",
    ),
    Lifetime(
        "problems and care",
        ("CarePlan", "CareTeam", "Condition", "FamilyMemberHistory", "Goal", "Procedure"),
        15,
        60,
        60,
        3600,
        True,
        "Written up during or after an encounter, read before the next.",
    ),
    Lifetime(
        "anything else",
        ("*",),
        5,
        30,
        60,
        600,
        True,
        "Nobody judged this type yet: treated like a result.",
    ),
)

_BY_TYPE = {each: row for row in LIFETIMES for each in row.types}


def lifetime_of_type(type_: str) -> Lifetime:
    """The row of a resource type; that of `*` for one the table does not name."""
    return _BY_TYPE.get(type_, _BY_TYPE["*"])


def lifetimes_table() -> str:
    """The table as Markdown, for docs/cache.md."""
    head = (
        "| resource types | `cautious` | `balanced` | at most | stale, at most | why |",
        "|---|---|---|---|---|---|",
    )
    lines = (
        f"| {each.group}: {', '.join(each.types)} | {each.cautious} s | {each.balanced} s"
        f" | {each.max_seconds} s"
        f" | {each.max_stale_seconds} s{', if named' if each.stale_by_name_only else ''} | {each.reason} |"
        for each in LIFETIMES
    )
    return "\n".join((*head, *lines))
