import pytest
from exchanges import GUID, fhir_request

from gateway.core.links import on_public_base

PUBLIC = f"https://gw.example/integrator/sites/{GUID}/fhir/R4"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (f"https://api.haloconnect.io/integrator/sites/{GUID}/fhir/R4/Patient?a=1", f"{PUBLIC}/Patient?a=1"),
        (f"http://10.0.0.7:5000/api/sites/{GUID}/fhir/R4/Patient?a=1", f"{PUBLIC}/Patient?a=1"),
        (f"https://internal/sites/{GUID.upper()}/fhir/R4", PUBLIC),
        (f"/desktop/sites/{GUID}/fhir/R4/Patient/1", f"{PUBLIC}/Patient/1"),
        ("?page=2", f"{PUBLIC}/Patient?page=2"),
        ("Patient?page=2", f"{PUBLIC}/Patient?page=2"),
        (f"{PUBLIC}/Patient/1", f"{PUBLIC}/Patient/1"),
        ("https://elsewhere.example/fhir/R4/Patient/1", "https://elsewhere.example/fhir/R4/Patient/1"),
        (
            "https://h/sites/0a1b2c3d-0000-4000-8000-0000000000ff/fhir/R4/Patient",
            "https://h/sites/0a1b2c3d-0000-4000-8000-0000000000ff/fhir/R4/Patient",
        ),
        (f"https://h/sites/{GUID}/fhir/R4x/Patient", f"https://h/sites/{GUID}/fhir/R4x/Patient"),
        ("", ""),
        ("urn:uuid:0a1b2c3d-0000-4000-8000-0000000000ff", "urn:uuid:0a1b2c3d-0000-4000-8000-0000000000ff"),
    ],
)
def test_a_url_of_this_sites_base_moves_to_ours_and_nothing_else(url: str, expected: str) -> None:
    assert on_public_base(fhir_request(path="Patient"), url) == expected
