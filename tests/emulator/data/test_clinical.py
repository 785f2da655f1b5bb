import pytest
from emulator.data.charts import rows

from gateway.emulator.sites import SITES


@pytest.mark.parametrize("site", SITES)
def test_onsets_come_in_every_precision(site: str) -> None:
    assert {4, 7, 10, 25} <= {len(each["onsetDateTime"]) for each in rows(site, "Condition")}


@pytest.mark.parametrize("site", SITES)
def test_observations_come_with_and_without_fractions(site: str) -> None:
    assert {"." in each["effectiveDateTime"] for each in rows(site, "Observation")} == {True, False}


@pytest.mark.parametrize("site", SITES)
def test_some_encounters_span_midnight_and_some_have_no_end(site: str) -> None:
    periods = [each["period"] for each in rows(site, "Encounter")]
    assert any("end" not in period for period in periods)
    assert any(period.get("end", period["start"])[:10] > period["start"][:10] for period in periods)


@pytest.mark.parametrize("site", SITES)
def test_statements_carry_one_or_two_prescriptions(site: str) -> None:
    assert {len(each["contained"]) for each in rows(site, "MedicationStatement")} == {1, 2}


@pytest.mark.parametrize("site", SITES)
def test_the_first_patient_has_records_of_every_clinical_type(site: str) -> None:
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
