import pytest
from hypothesis import given
from hypothesis import strategies as st
from search.test_merge import BASE, entry, page
from support.requests import fhir_request, json_response

from gateway.errors.failure import Failure
from gateway.fhir.bundle import Bundle, Link
from gateway.fhir.search_params import parse_search
from gateway.paging.page_size import (
    DEFAULT_PAGE_SIZE,
    PageRequest,
    PageSizeEstimate,
    count_matches,
    page_request_of,
    round_to_divisible,
    search_signature,
    stated_limit,
    with_page_size,
    with_page_size_in_links,
)
from gateway.upstreams.halo_failures import RESULT_TOO_LARGE

MB = 2**20
FIRST = PageRequest(100, None, is_first=True)


@given(st.integers(1, 100_000))
def test_a_size_can_be_halved_and_is_not_much_smaller(size: int) -> None:
    found = round_to_divisible(size)
    assert 0 < found <= size
    assert size - found < 8
    assert size < 16 or found % 8 == 0


@given(st.integers(1, 500), st.integers(1, 400), st.integers(1, 500))
def test_a_smaller_numbered_page_begins_at_the_same_match(size: int, number: int, wanted: int) -> None:
    found = PageRequest(size, number, is_first=False).at_most(wanted)
    assert found.size is not None
    assert found.number is not None
    assert found.size <= max(wanted, 1) or found.size == size <= wanted
    assert size % found.size == 0
    assert (found.number - 1) * found.size == (number - 1) * size


def test_a_page_without_number_may_have_any_size() -> None:
    assert FIRST.at_most(24) == PageRequest(24, None, is_first=True)
    assert FIRST.at_most(100) is FIRST
    assert FIRST.at_most(None) is FIRST


def test_a_numbered_page_that_shows_no_size_stays() -> None:
    unsized = PageRequest(None, 3, is_first=False)
    assert unsized.at_most(10) is unsized
    assert unsized.next_smaller(PageSizeEstimate(), MB) is None


def test_halving_ends_at_one() -> None:
    page: PageRequest | None = FIRST
    sizes = []
    fit = PageSizeEstimate()
    while page is not None:
        sizes.append(page.size)
        fit = fit.after_refusal(page.size)
        page = page.next_smaller(fit, MB)
    assert sizes[0] == 100
    assert sizes[-1] == 1
    assert len(sizes) <= 8


def test_known_bytes_lead_to_the_size_at_once() -> None:
    fit = PageSizeEstimate().after_page(280_000, 10).after_refusal(100)
    assert FIRST.next_smaller(fit, MB) == PageRequest(24, None, is_first=True)


def test_70_percent_of_the_limit_is_aimed_at_before_anything_failed() -> None:
    fit = PageSizeEstimate().after_page(280_000, 10)
    assert FIRST.with_estimate(fit, MB).size == 24
    assert FIRST.with_estimate(fit, 8 * MB) is FIRST
    assert FIRST.with_estimate(PageSizeEstimate(), MB) is FIRST


def test_heavy_matches_are_remembered_longer_than_light_ones() -> None:
    fit = PageSizeEstimate().after_page(28_000, 1).after_page(1_000, 1)
    assert fit.bytes_per_match == pytest.approx(22_600)
    assert fit.after_page(100, 0) is fit


def test_what_failed_is_forgotten_when_a_larger_page_came() -> None:
    fit = PageSizeEstimate().after_refusal(50)
    assert (fit.smallest_failure, fit.best_size(MB)) == (50, 24)
    assert fit.after_page(1_000, 60).smallest_failure == 0


def test_a_413_far_below_the_limit_is_not_held_against_the_size() -> None:
    fit = PageSizeEstimate().after_page(50_000, 50).after_refusal(40)
    assert fit.best_size(8 * MB) == 5_872
    assert fit.after_page(280_000, 10).best_size(MB) == 24


def test_a_search_without_count_gets_one_where_the_upstreams_own_page_was_too_large() -> None:
    bare = PageRequest(None, None, is_first=True)
    assert bare.with_estimate(PageSizeEstimate().after_page(280_000, 10), MB) is bare
    refused = PageSizeEstimate().after_refusal(None)
    assert bare.next_smaller(refused, MB) == PageRequest(DEFAULT_PAGE_SIZE, None, is_first=True)
    assert bare.with_estimate(refused.after_page(280_000, 10), MB).size == 10
    assert bare.with_estimate(refused.after_page(900_000, 10), MB).size == 8
    opaque = PageRequest(None, None, is_first=False)
    assert opaque.with_estimate(refused.after_page(280_000, 10), MB) is opaque


@pytest.mark.parametrize(
    ("query", "page", "sent"),
    [
        ("patient=1&_count=100", PageRequest(24, None, is_first=True), "patient=1&_count=24"),
        ("patient=1", PageRequest(24, None, is_first=True), "patient=1&_count=24"),
        ("patient=1&_count=48&_page=2", PageRequest(24, 3, is_first=False), "patient=1&_count=24&_page=3"),
        ("patient=1&_count=x", PageRequest(None, None, is_first=True), "patient=1&_count=x"),
    ],
)
def test_the_page_is_written_into_the_request(query: str, page: PageRequest, sent: str) -> None:
    request = fhir_request("DocumentReference", query)
    assert with_page_size(request, page).upstream_search.query == sent
    assert with_page_size(request, page_request_of(request)) is request


def test_a_posted_search_stays_posted() -> None:
    request = fhir_request("DocumentReference/_search", "", "POST", form="patient=1")
    changed = with_page_size(request, PageRequest(24, None, is_first=True))
    assert (changed.upstream_search.query, changed.upstream_search.form) == ("", "patient=1&_count=24")


def test_a_link_with_criteria_gets_the_size_and_an_opaque_one_stays() -> None:
    sent = parse_search("patient=1&_count=100")
    links = (
        Link("next", f"{BASE}/DocumentReference?patient=1&_page=2", {}),
        Link("next", f"{BASE}/DocumentReference?patient=1&_page=2&_count=24", {}),
        Link("next", f"{BASE}/DocumentReference?_token=abc", {}),
    )
    bundle = Bundle({}, links, ())
    urls = [each.url for each in with_page_size_in_links(bundle, sent, 24).links]
    assert urls[0].endswith("patient=1&_page=2&_count=24")
    assert urls[1:] == [each.url for each in links[1:]]
    settled = Bundle({}, links[1:], ())
    assert with_page_size_in_links(settled, sent, 24) is settled


def test_what_is_included_makes_another_kind_of_search_and_its_name_shows_the_type_alone() -> None:
    kinds = {
        search_signature(fhir_request("Observation", query))
        for query in ("patient=1", "patient=2", "_include=Observation:subject", "_elements=id")
    }
    assert len(kinds) == 3
    assert search_signature(fhir_request("Patient", "")) not in kinds
    assert {each.partition(".")[0] for each in kinds} == {"Observation"}
    assert not any("subject" in each for each in kinds)


@pytest.mark.parametrize(
    ("said", "limit"),
    [("message size limit (1mb)", MB), ("limit (8MB)", 8 * MB), ("limit (50000b)", 50_000), ("", None)],
)
def test_the_limit_is_read_from_the_message(said: str, limit: int | None) -> None:
    assert (
        stated_limit(Failure(RESULT_TOO_LARGE, upstream_response=json_response({"message": said}, 413)))
        == limit
    )
    assert stated_limit(Failure(RESULT_TOO_LARGE)) is None


def test_matches_are_counted_without_includes() -> None:
    assert count_matches(page([entry("1"), entry("2"), entry("1", "include", type="Patient")]).body) == 2
