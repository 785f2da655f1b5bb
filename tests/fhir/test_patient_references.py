"""Search parameters whose references may name a patient."""

import pytest

from gateway.fhir.patient_references import patient_reference_paths


@pytest.mark.parametrize(
    ("type_", "code", "paths"),
    [
        ("Observation", "patient", (("subject",),)),
        ("Observation", "subject", (("subject",),)),
        ("Coverage", "beneficiary", (("beneficiary",),)),
        ("Appointment", "actor", (("participant", "actor"),)),
        ("AuditEvent", "patient", (("agent", "who"), ("entity", "what"))),
        ("Patient", "link", (("link", "other"),)),
        ("Observation", "encounter", ()),
        ("Patient", "general-practitioner", ()),
        ("Observation", "made-up", ()),
    ],
)
def test_paths_lead_to_references_to_patients(
    type_: str, code: str, paths: tuple[tuple[str, ...], ...]
) -> None:
    assert patient_reference_paths(type_, code) == paths
