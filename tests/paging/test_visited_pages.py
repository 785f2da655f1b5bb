"""Walks through pages that lead back."""

import pytest

from gateway.errors.failure import Failure
from gateway.exchange import START, Position
from gateway.fhir.bundle import Bundle, Link
from gateway.fhir.search_params import parse_search
from gateway.paging.visited_pages import MAX_RECENT, next_page

SENT = parse_search("name=a&_count=2")
NO_LINKS = Bundle({}, (), ())


def walk(*links: str) -> Position:
    position = START
    for link in links:
        position = next_page(position, Position(upstream_link=link), SENT, NO_LINKS)
    return position


@pytest.mark.parametrize(
    "links",
    [
        ["/Patient?t=1", "/Patient?t=1"],
        ["/Patient?t=1", "/Patient?t=2", "/Patient?t=1"],
        ["/Patient?t=1", "/Patient?t=2", "/Patient?t=3", "/Patient?t=1"],
        ["/Patient?name=a&_count=2"],
        ["/Patient?t=1", "/Patient?_count=2&name=%61"],
    ],
)
def test_page_that_leads_back_is_refused(links: list[str]) -> None:
    walk(*links[:-1])
    with pytest.raises(Failure, match="upstream-link-loop"):
        walk(*links)


def test_page_whose_next_is_its_self_is_refused() -> None:
    links = tuple(Link(relation, "https://h/Patient?t=1", {}) for relation in ("self", "next"))
    with pytest.raises(Failure, match="upstream-link-loop"):
        next_page(START, Position(upstream_link="/Patient?t=1"), SENT, Bundle({}, links, ()))


@pytest.mark.parametrize("length", [2, 32, 300])
def test_cycle_after_a_long_way_ends(length: int) -> None:
    way = [f"/Patient?t={number}" for number in range(100)]
    cycle = [f"/Patient?c={number}" for number in range(length)]
    repeats = 1 if length <= MAX_RECENT else 4
    walk(*way, *cycle)
    with pytest.raises(Failure, match="upstream-link-loop"):
        walk(*way, *cycle * repeats, cycle[0])


def test_long_way_needs_little_room() -> None:
    assert len(walk(*(f"/Patient?t={number}" for number in range(500))).visited) <= 5 * (MAX_RECENT + 2)


def test_position_is_the_same_by_every_way() -> None:
    assert walk("/Patient?t=1", "/Patient?t=2") == Position(upstream_link="/Patient?t=2")
