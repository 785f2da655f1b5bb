import re

import pytest
from emulator.data.site_rows import data, rows

from gateway.emulator.sites import SITES


@pytest.mark.parametrize("site", SITES)
def test_first_patient_is_same_person_at_all_sites(site: str) -> None:
    patient = rows(site, "Patient")[0]
    assert (patient["name"][0]["family"], patient["birthDate"]) == ("Zzyzx", "1980-02-29")
    assert "Zzyzx" in patient["text"]["div"]


@pytest.mark.parametrize("site", SITES)
def test_active_element_equals_record_flag(site: str) -> None:
    for name in ("Patient", "Practitioner", "PractitionerRole"):
        assert all(record.active is record.resource["active"] for record in data(site)[name])


@pytest.mark.parametrize("site", SITES)
def test_phone_numbers_are_in_fictional_ranges(site: str) -> None:
    numbers = [phone["value"] for row in rows(site, "Patient") for phone in row["telecom"]]
    assert all(re.fullmatch(r"0491 570 \d{3}|\(0[278]\) 7010 \d{4}", number) for number in numbers)


@pytest.mark.parametrize("site", SITES)
def test_patient_address_is_in_state_of_site(site: str) -> None:
    assert {row["address"][0]["state"] for row in rows(site, "Patient")} == {SITES[site].state}
