from gateway.emulator.data import terms
from gateway.emulator.data.terms import SNOMED_CT, codeable_concept, hl7_codeable_concept
from gateway.emulator.sites import SITES


def test_concept_has_one_coding_and_text() -> None:
    assert codeable_concept(SNOMED_CT, "1", "One") == {
        "coding": [{"system": "http://snomed.info/sct", "code": "1", "display": "One"}],
        "text": "One",
    }


def test_hl7_concept_has_code_system_url() -> None:
    assert hl7_codeable_concept("condition-category", "x")["coding"][0]["system"].endswith(
        "/CodeSystem/condition-category"
    )


def test_site_states_have_suburbs_and_area_code() -> None:
    states = {site.state for site in SITES.values()}
    assert states <= set(terms.SUBURBS)
    assert states <= set(terms.AREA_CODES)


def test_codes_have_no_duplicates() -> None:
    for table in (terms.ALLERGENS, terms.VACCINES, terms.MEDICINES, terms.PROBLEMS):
        assert len({row[1] for row in table}) == len(table)
