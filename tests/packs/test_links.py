"""Links with the client's criteria and names."""

import pytest
from support.packs import client_request

from gateway.fhir.bundle import Link
from gateway.packs.links import RELATIONS, with_criteria, with_names

CRITERIA = client_request("GET Patient?gender=female").client_search.parameters


@pytest.mark.parametrize("relation", sorted(RELATIONS))
def test_every_link_to_a_page_gets_the_criterion_once(relation: str) -> None:
    links = (Link(relation, "https://u.example/fhir?token=1", {}),)
    new = with_criteria(links, CRITERIA)
    assert [link.url for link in new] == ["https://u.example/fhir?token=1&gender=female"]
    assert with_criteria(new, CRITERIA) is new


def test_links_without_a_change_are_the_same() -> None:
    links = (Link("next", "https://u.example/fhir?a=1", {}), Link("item", "https://u.example", {}))
    assert with_criteria(links, ()) is links
    assert with_names(links, [("b", CRITERIA[0])]) is links
    assert with_criteria((), CRITERIA) == ()


def test_name_comes_back_only_with_the_value_that_was_sent() -> None:
    links = (Link("self", "https://u.example/fhir/Patient?sex=female&sex=other", {}),)
    new = with_names(links, [("sex", CRITERIA[0])])
    assert new[0].url == "https://u.example/fhir/Patient?gender=female&sex=other"
