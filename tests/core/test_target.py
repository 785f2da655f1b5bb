import pytest

from gateway.core.failure import Failure
from gateway.core.target import Target, target

GUID = "0a1b2c3d-0000-4000-8000-00000000000a"


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (f"/integrator/sites/{GUID}/fhir/R4/Patient/1", Target("integrator", GUID, "Patient/1")),
        (f"/integrator/sites/{GUID.upper()}/fhir/R4/Patient/", Target("integrator", GUID, "Patient")),
        (f"/desktop/sites/{GUID}/fhir/R4", Target("desktop", GUID, "")),
        (
            f"/integrator/sites/{GUID}/fhir/R4/Patient/1/%24summary",
            Target("integrator", GUID, "Patient/1/$summary"),
        ),
        ("/fhir/R4/Patient", Target("", "", "Patient")),
        ("/integrator/token", Target("integrator", "", "integrator/token")),
        (f"/integrator/sites/{GUID}", Target("integrator", "", f"integrator/sites/{GUID}")),
    ],
)
def test_a_path_is_rebuilt_from_its_segments(raw: str, expected: Target) -> None:
    assert target(raw) == expected


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (f"/integrator/sites/{GUID}/fhir/R4/../../x", "bad-path"),
        (f"/integrator/sites/{GUID}/fhir/R4/%2e%2e/x", "bad-path"),
        (f"/integrator/sites/{GUID}/fhir/R4/Patient%2f1", "bad-path"),
        (f"/integrator/sites/{GUID}/fhir/R4/Patient%5C1", "bad-path"),
        (f"/integrator/sites/{GUID}/fhir/R4//Patient", "bad-path"),
        (f"/integrator/sites/{GUID}/fhir/R4/Patient/%zz", "bad-path"),
        (f"/integrator/sites/{GUID}/fhir/R4/Patient/%", "bad-path"),
        (f"/integrator/sites/{GUID}/fhir/R4/Patient/%252e%252e", "bad-path"),
        (f"/integrator/sites/{GUID}/fhir/R4/Patient/1%00", "bad-path"),
        (f"/integrator/sites/{GUID}/fhir/R4/Pat%20ient", "unknown-path"),
        (f"/integrator/sites/{GUID}/fhir/R4/Pat@ient", "unknown-path"),
        ("/integrator/sites/not-a-guid/fhir/R4/Patient", "bad-guid"),
        ("/integrator/sites/not-a-guid", "bad-guid"),
        (f"/integrator/sites/{GUID}0/fhir/R4/Patient", "bad-guid"),
    ],
)
def test_tricks_and_mistakes_are_refused(raw: str, code: str) -> None:
    with pytest.raises(Failure) as refused:
        target(raw)
    assert refused.value.kind.code == code
