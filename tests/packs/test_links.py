"""Links with the client's criteria and names."""

import pytest
from support.packs import client_request

from gateway.fhir.bundle import Link
from gateway.packs.links import RELATIONS, with_criteria, with_judged_criteria, with_names

CRITERIA = client_request("GET Patient?gender=female").client_search.parameters


MARK = "_judged:gender=female"


@pytest.mark.parametrize("relation", sorted(RELATIONS - {"self"}))
def test_every_link_to_a_page_gets_the_criterion_once(relation: str) -> None:
    links = (Link(relation, "https://u.example/fhir?token=1", {}),)
    new = with_judged_criteria(links, CRITERIA, is_page=False)
    assert [link.url for link in new] == [f"https://u.example/fhir?token=1&{MARK}"]
    assert with_judged_criteria(new, CRITERIA, is_page=False) is new
    assert with_criteria(links, CRITERIA) is links


@pytest.mark.parametrize(("is_page", "added"), [(False, "gender=female"), (True, MARK)])
def test_link_of_the_search_has_the_clients_own_criterion(is_page: bool, added: str) -> None:
    links = (Link("self", "https://u.example/fhir/Patient?token=1", {}),)
    new = with_judged_criteria(links, CRITERIA, is_page=is_page)
    assert [link.url for link in new] == [f"https://u.example/fhir/Patient?token=1&{added}"]


def test_links_without_a_change_are_the_same() -> None:
    links = (Link("next", "https://u.example/fhir?a=1", {}), Link("item", "https://u.example", {}))
    assert with_criteria(links, ()) is links
    assert with_names(links, [("b", CRITERIA[0])]) is links
    assert with_criteria((), CRITERIA) == ()


def test_name_comes_back_only_with_the_value_that_was_sent() -> None:
    links = (Link("self", "https://u.example/fhir/Patient?sex=female&sex=other", {}),)
    new = with_names(links, [("sex", CRITERIA[0])])
    assert new[0].url == "https://u.example/fhir/Patient?gender=female&sex=other"
