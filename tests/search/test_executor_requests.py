"""Upstream requests for positions."""

import pytest
from search.test_merge import SPLIT_REQUEST
from support.requests import fhir_request

from gateway.errors.failure import Failure
from gateway.exchange import Position
from gateway.fhir.search_params import parse_search
from gateway.search.executor import operation_page_request, upstream_page_request, with_lost_parameters


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
    for opaque in ("token=x", "_page_token=x&_include=Patient:link", "_page_token=x&_count=5"):
        assert with_lost_parameters(parse_search(opaque), sent).query == opaque


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_link_of_an_operation_is_sent_unchanged(method: str) -> None:
    first = fhir_request("Patient/1/$everything", "_count=5&start=2026-01-01", method, body=b"{}")
    assert operation_page_request(first) is first
    later = operation_page_request(first.with_plan(position=Position(0, "/Patient?_count=5&_offset=5")))
    assert (later.method, later.path, later.body) == ("GET", "Patient", b"")
    assert later.upstream_url.endswith("/Patient?_count=5&_offset=5")
