import pytest
from emulator.data.site_rows import rows

from gateway.emulator.sites import SITES


@pytest.mark.parametrize("site", SITES)
def test_onsets_have_all_precisions(site: str) -> None:
    assert {4, 7, 10, 25} <= {len(row["onsetDateTime"]) for row in rows(site, "Condition")}


@pytest.mark.parametrize("site", SITES)
def test_observation_times_have_optional_fractions(site: str) -> None:
    assert {"." in row["effectiveDateTime"] for row in rows(site, "Observation")} == {True, False}


@pytest.mark.parametrize("site", SITES)
def test_encounters_may_span_midnight_or_have_no_end(site: str) -> None:
    periods = [row["period"] for row in rows(site, "Encounter")]
    assert any("end" not in period for period in periods)
    assert any(period.get("end", period["start"])[:10] > period["start"][:10] for period in periods)


@pytest.mark.parametrize("site", SITES)
def test_medication_statements_contain_one_or_two_requests(site: str) -> None:
    assert {len(row["contained"]) for row in rows(site, "MedicationStatement")} == {1, 2}


@pytest.mark.parametrize("site", SITES)
def test_first_patient_has_records_of_all_clinical_types(site: str) -> None:
    for name in (
        "AllergyIntolerance",
        "Immunization",
        "MedicationStatement",
        "Condition",
        "Observation",
        "Encounter",
    ):
        patients = [row.get("subject") or row["patient"] for row in rows(site, name)]
        assert {"reference": "Patient/1"} in patients, name
