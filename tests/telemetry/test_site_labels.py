"""Names of sites in the log."""

import pytest
from support.requests import GUID, LABS, SITE, fhir_request

from gateway.fhir.interaction import NOT_FHIR
from gateway.settings.site_ids import SiteIds
from gateway.telemetry.site_labels import NO_SITE, SiteLabel, SiteLabels

OTHER = "0a1b2c3d-0000-4000-8000-00000000000b"
HARBOUR = SiteLabel("harbour", GUID)
LABELS = SiteLabels({GUID: "harbour"}, SiteIds((GUID, OTHER)), {"/labs": "labs", "/x/y": "far"}, OTHER)


@pytest.mark.parametrize(
    ("path", "label"),
    [
        (f"/integrator/sites/{GUID}", HARBOUR),
        (f"integrator/sites/{GUID.upper()}/fhir/R4/Patient", HARBOUR),
        (f"/second/desktop/sites/{GUID}/queries", HARBOUR),
        (f"/integrator/sites/{OTHER}", SiteLabel(OTHER, OTHER)),
        ("/integrator/sites/ffffffff-0000-4000-8000-000000000000/", SiteLabel("ffffffff", "ffffffff")),
        ("/fhir/R4/Patient", SiteLabel(OTHER, OTHER)),
        ("/fhir/R4", SiteLabel(OTHER, OTHER)),
        ("/labs/Patient", SiteLabel("labs")),
        ("/x/y/z", SiteLabel("far")),
        ("/fhir/R4B", NO_SITE),
        ("/labsx/Patient", NO_SITE),
        ("/integrator/sites/zzyzx", NO_SITE),
        (f"/integrator/sites/{GUID}0", NO_SITE),
        (f"/integrator/sites/x{GUID}", NO_SITE),
        ("", NO_SITE),
    ],
)
def test_site_is_found_in_a_path(path: str, label: SiteLabel) -> None:
    assert LABELS.of_path(path) == label


def test_site_of_a_second_halo_is_behind_its_name() -> None:
    mounts = {"/second": "mnt", "/labs": "labs"}
    labels = SiteLabels({GUID: "harbour"}, SiteIds((GUID, OTHER)), mounts, GUID, {"mnt"})
    assert labels.of_path(f"/second/integrator/sites/{GUID}") == SiteLabel("mnt/harbour", GUID)
    assert labels.of_path("/second/fhir/R4/Patient") == SiteLabel("mnt/harbour", GUID)
    assert labels.of_path("/second/integrator/token") == SiteLabel("mnt")
    assert labels.of_path("/labs/fhir/R4/Patient") == SiteLabel("labs")
    assert labels.of_path(f"/labs/integrator/sites/{GUID}") == SiteLabel("labs")
    passed = fhir_request("Patient/1").replace(
        site=None, interaction=NOT_FHIR, path=f"integrator/sites/{GUID}", public_base="http://gw/second"
    )
    assert labels.label_of(passed) == SiteLabel("mnt/harbour", GUID)
    assert labels.label_of(passed.replace(public_base="http://gw")) == SiteLabel("harbour", GUID)


def test_site_of_a_request_has_its_alias_and_id() -> None:
    assert LABELS.of_site(SITE) == HARBOUR
    assert LABELS.of_site(LABS) == SiteLabel("labs")
    assert LABELS.label_of(fhir_request("Patient/1")) == HARBOUR
    other = fhir_request("Patient/1").replace(
        site=None, interaction=NOT_FHIR, path=f"integrator/sites/{GUID}"
    )
    assert LABELS.label_of(other) == HARBOUR


def test_without_settings_a_site_has_its_first_digits() -> None:
    assert SiteLabels().of_path(f"/integrator/sites/{GUID}") == SiteLabel(GUID[:8], GUID[:8])
    assert SiteLabels().of_path("/fhir/R4/Patient") == NO_SITE
