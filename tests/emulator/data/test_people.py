import re

import pytest
from emulator.data.charts import data, rows

from gateway.emulator.sites import SITES


@pytest.mark.parametrize("site", SITES)
def test_the_first_patient_is_the_same_person_everywhere(site: str) -> None:
    patient = rows(site, "Patient")[0]
    assert (patient["name"][0]["family"], patient["birthDate"]) == ("Zzyzx", "1980-02-29")
    assert "Zzyzx" in patient["text"]["div"]


@pytest.mark.parametrize("site", SITES)
def test_active_flags_agree_with_the_records(site: str) -> None:
    for name in ("Patient", "Practitioner", "PractitionerRole"):
        assert all(record.active is record.resource["active"] for record in data(site)[name])


@pytest.mark.parametrize("site", SITES)
def test_telephone_numbers_are_from_the_ranges_kept_for_fiction(site: str) -> None:
    numbers = [each["value"] for row in rows(site, "Patient") for each in row["telecom"]]
    assert all(re.fullmatch(r"0491 570 \d{3}|\(0[278]\) 7010 \d{4}", number) for number in numbers)


@pytest.mark.parametrize("site", SITES)
def test_people_live_in_the_state_of_their_practice(site: str) -> None:
    assert {row["address"][0]["state"] for row in rows(site, "Patient")} == {SITES[site].state}
