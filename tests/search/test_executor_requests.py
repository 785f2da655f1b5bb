import pytest
from search.test_merge import TWO

from gateway.errors.failure import Failure
from gateway.exchange import Position
from gateway.fhir.search_params import parse_search
from gateway.search.executor import upstream_page_request, with_lost_parameters


def test_the_start_of_a_part_asks_its_search_and_a_link_asks_what_it_says() -> None:
    assert (
        upstream_page_request(TWO, Position(1)).upstream_search.query
        == "date=ge2026-04-06T00:00:00&status=booked"
    )
    follow = upstream_page_request(TWO, Position(0, "/Appointment/_search?token=x"))
    assert (follow.method, follow.path, follow.upstream_search.query) == ("GET", "Appointment", "token=x")


def test_a_link_never_leads_off_the_base() -> None:
    with pytest.raises(Failure):
        upstream_page_request(TWO, Position(0, "/../../other?x=1"))


def test_a_transparent_link_gets_back_what_it_lost_and_an_opaque_one_stays() -> None:
    sent = parse_search("date=ge2026&_sort=date&_count=5")
    assert (
        with_lost_parameters(parse_search("_count=5&offset=5"), sent).query
        == "_count=5&offset=5&date=ge2026&_sort=date"
    )
    assert with_lost_parameters(parse_search("token=x"), sent).query == "token=x"
