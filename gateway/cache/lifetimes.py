"""Table of cache lifetimes per resource type, with the reason for each limit."""

from dataclasses import dataclass
from typing import Literal

Profile = Literal["off", "cautious", "balanced"]


@dataclass(frozen=True, slots=True)
class Lifetime:
    """One group of resource types; all times in seconds.

    `max_seconds` limits a site's lifetime settings; `max_stale_seconds` limits how long a response may be
    served past its lifetime. `stale_by_name_only`: only if the operator's setting names the type, not by `*`.
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
        """Return the lifetime in a profile."""
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
        "Capabilities change when the site's Halo Link is updated, not during a consultation.",
    ),
    Lifetime(
        "places and services",
        ("Endpoint", "HealthcareService", "Location", "Organization"),
        300,
        3600,
        3600,
        86_400,
        False,
        "Set up once by the practice; an outdated address does not affect the care of a patient.",
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
        "Two people may want the same slot: an outdated response leads to a double booking.",
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
        "Prescribing decisions depend on it: an allergy just recorded must not be missing.",
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
        "Not assessed individually: treated like a result.",
    ),
)

_BY_TYPE = {type_: row for row in LIFETIMES for type_ in row.types}


def lifetime_of_type(type_: str) -> Lifetime:
    """Return the row of a resource type; the row of `*` if the table does not list the type."""
    return _BY_TYPE.get(type_, _BY_TYPE["*"])


def lifetimes_table() -> str:
    """Return the table as Markdown, for docs/cache.md."""
    head = (
        "| resource types | `cautious` | `balanced` | at most | stale, at most | why |",
        "|---|---|---|---|---|---|",
    )
    lines = (
        f"| {row.group}: {', '.join(row.types)} | {row.cautious} s | {row.balanced} s"
        f" | {row.max_seconds} s"
        f" | {row.max_stale_seconds} s{', if named' if row.stale_by_name_only else ''} | {row.reason} |"
        for row in LIFETIMES
    )
    return "\n".join((*head, *lines))
