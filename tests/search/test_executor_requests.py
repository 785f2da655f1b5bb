"""Upstream requests for positions."""

import pytest
from search.test_merge import SPLIT_REQUEST

from gateway.errors.failure import Failure
from gateway.exchange import Position
from gateway.fhir.search_params import parse_search
from gateway.search.executor import upstream_page_request, with_lost_parameters


def test_part_has_its_search_and_link_has_its_query() -> None:
    first = upstream_page_request(SPLIT_REQUEST, Position(1))
    assert first.upstream_search.query == "date=ge2026-04-06T00:00:00&status=booked"
    later = upstream_page_request(SPLIT_REQUEST, Position(0, "/Appointment/_search?token=x"))
    assert (later.method, later.path, later.upstream_search.query) == ("GET", "Appointment", "token=x")


def test_link_off_the_base_is_a_failure() -> None:
    with pytest.raises(Failure):
        upstream_page_request(SPLIT_REQUEST, Position(0, "/../../other?x=1"))


def test_lost_parameters_are_restored_except_in_opaque_links() -> None:
    sent = parse_search("date=ge2026&_sort=date&_count=5")
    assert (
        with_lost_parameters(parse_search("_count=5&offset=5"), sent).query
        == "_count=5&offset=5&date=ge2026&_sort=date"
    )
    assert with_lost_parameters(parse_search("token=x"), sent).query == "token=x"
