from gateway.emulator.data import terms
from gateway.emulator.data.terms import SNOMED_CT, codeable_concept, hl7_codeable_concept
from gateway.emulator.sites import SITES


def test_a_concept_has_one_coding_and_its_text() -> None:
    assert codeable_concept(SNOMED_CT, "1", "One") == {
        "coding": [{"system": "http://snomed.info/sct", "code": "1", "display": "One"}],
        "text": "One",
    }


def test_a_concept_of_hl7_is_named_by_its_code_system() -> None:
    assert hl7_codeable_concept("condition-category", "x")["coding"][0]["system"].endswith(
        "/CodeSystem/condition-category"
    )


def test_every_state_of_a_site_has_suburbs_and_an_area_code() -> None:
    states = {site.state for site in SITES.values()}
    assert states <= set(terms.SUBURBS)
    assert states <= set(terms.AREA_CODES)


def test_codes_are_not_listed_twice() -> None:
    for table in (terms.ALLERGENS, terms.VACCINES, terms.MEDICINES, terms.PROBLEMS):
        assert len({row[1] for row in table}) == len(table)
