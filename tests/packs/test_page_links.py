"""Links to pages, and answers that may show a part of each resource."""

import pytest
from support.packs import client_request

from gateway.exchange import Position
from gateway.packs.page_links import is_page_link, may_omit_elements


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("patient=p1&code=a&_count=10", False),
        ("_has:Observation:patient:code=a&_tag=b&subject.name=c", False),
        ("patient=p1&_page=2", True),
        ("_getpages=x", True),
        ("mobile=1", True),
        ("", False),
    ],
)
def test_link_to_a_page_has_a_parameter_that_r4_lacks(query: str, expected: bool) -> None:
    assert is_page_link(client_request(f"GET Observation?{query}")) is expected


def test_parameter_of_the_upstream_may_be_a_criterion() -> None:
    assert not is_page_link(client_request("GET Patient?mobile=1"), {"mobile"})


def test_page_of_a_practice_has_the_search_of_the_client() -> None:
    position = Position(upstream_link="Patient?_getpages=x")
    page = client_request("GET Patient?_count=10").with_plan(position=position)
    assert is_page_link(page)
    assert not may_omit_elements(page)
    asked = client_request("GET Patient?_elements=id").with_plan(position=position)
    assert may_omit_elements(asked)


@pytest.mark.parametrize(
    ("query", "expected"),
    [("_summary=true", True), ("name=a&_page=2", False), ("_getpages=x&_count=2", True), ("_count=2", False)],
)
def test_page_without_criteria_may_show_parts(query: str, expected: bool) -> None:
    assert may_omit_elements(client_request(f"GET Patient?{query}")) is expected
