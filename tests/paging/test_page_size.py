"""Page size estimates, page requests and their `_count`."""

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
FIRST_PAGE = PageRequest(100, None, is_first=True)


@given(st.integers(1, 100_000))
def test_rounded_size_is_divisible_and_slightly_smaller(size: int) -> None:
    rounded = round_to_divisible(size)
    assert 0 < rounded <= size
    assert size - rounded < 8
    assert size < 16 or rounded % 8 == 0


@given(st.integers(1, 500), st.integers(1, 400), st.integers(1, 500))
def test_smaller_numbered_page_begins_at_same_match(size: int, number: int, max_size: int) -> None:
    smaller = PageRequest(size, number, is_first=False).at_most(max_size)
    assert smaller.size is not None
    assert smaller.number is not None
    assert smaller.size <= max(max_size, 1) or smaller.size == size <= max_size
    assert size % smaller.size == 0
    assert (smaller.number - 1) * smaller.size == (number - 1) * size


def test_page_without_number_may_have_any_size() -> None:
    assert FIRST_PAGE.at_most(24) == PageRequest(24, None, is_first=True)
    assert FIRST_PAGE.at_most(100) is FIRST_PAGE
    assert FIRST_PAGE.at_most(None) is FIRST_PAGE


def test_numbered_page_without_size_is_unchanged() -> None:
    unsized = PageRequest(None, 3, is_first=False)
    assert unsized.at_most(10) is unsized
    assert unsized.next_smaller(PageSizeEstimate(), MB) is None


def test_halving_ends_at_size_one() -> None:
    page: PageRequest | None = FIRST_PAGE
    sizes = []
    estimate = PageSizeEstimate()
    while page is not None:
        sizes.append(page.size)
        estimate = estimate.after_refusal(page.size)
        page = page.next_smaller(estimate, MB)
    assert sizes[0] == 100
    assert sizes[-1] == 1
    assert len(sizes) <= 8


def test_bytes_per_match_give_the_next_size_directly() -> None:
    estimate = PageSizeEstimate().after_page(280_000, 10).after_refusal(100)
    assert FIRST_PAGE.next_smaller(estimate, MB) == PageRequest(24, None, is_first=True)


def test_size_fills_70_percent_of_limit_without_a_failure() -> None:
    estimate = PageSizeEstimate().after_page(280_000, 10)
    assert FIRST_PAGE.with_estimate(estimate, MB).size == 24
    assert FIRST_PAGE.with_estimate(estimate, 8 * MB) is FIRST_PAGE
    assert FIRST_PAGE.with_estimate(PageSizeEstimate(), MB) is FIRST_PAGE


def test_heavy_matches_weigh_more_than_light_ones() -> None:
    estimate = PageSizeEstimate().after_page(280_000, 10).after_page(10_000, 10)
    assert estimate.bytes_per_match == pytest.approx(22_600)
    assert estimate.after_page(100, 0) is estimate


def test_larger_page_resets_smallest_failure() -> None:
    estimate = PageSizeEstimate().after_refusal(50)
    assert (estimate.smallest_failure, estimate.best_size(MB)) == (50, 24)
    assert estimate.after_page(1_000, 60).smallest_failure == 0


@pytest.mark.parametrize("matches", [1, 4])
def test_few_heavy_matches_lower_no_estimate(matches: int) -> None:
    assert PageSizeEstimate().after_page(1_900_000 * matches, matches).best_size(8 * MB) is None
    learned = PageSizeEstimate().after_page(280_000, 10)
    assert learned.after_page(1_900_000 * matches, matches) == learned
    assert learned.after_page(10_000 * matches, matches).bytes_per_match < learned.bytes_per_match
    refused = learned.after_refusal(100)
    assert refused.after_page(1_900_000 * matches, matches).best_size(MB) == refused.best_size(MB)


def test_few_matches_count_where_a_413_left_no_larger_page() -> None:
    refused = PageSizeEstimate().after_page(280_000, 10).after_refusal(6)
    assert refused.after_page(6_000_000, 3).bytes_per_match == 2_000_000
    assert refused.after_page(2_000_000, 1) == refused


def test_413_far_below_the_limit_does_not_reduce_size() -> None:
    estimate = PageSizeEstimate().after_page(50_000, 50).after_refusal(40)
    assert estimate.best_size(8 * MB) == 5_872
    assert estimate.after_page(280_000, 10).best_size(MB) == 24


def test_first_page_gets_count_if_default_was_too_large() -> None:
    unsized = PageRequest(None, None, is_first=True)
    assert unsized.with_estimate(PageSizeEstimate().after_page(280_000, 10), MB) is unsized
    estimate = PageSizeEstimate().after_refusal(None)
    assert unsized.next_smaller(estimate, MB) == PageRequest(DEFAULT_PAGE_SIZE, None, is_first=True)
    assert unsized.with_estimate(estimate.after_page(280_000, 10), MB).size == 10
    assert unsized.with_estimate(estimate.after_page(900_000, 10), MB).size == 8
    opaque = PageRequest(None, None, is_first=False)
    assert opaque.with_estimate(estimate.after_page(280_000, 10), MB) is opaque


@pytest.mark.parametrize(
    ("query", "page", "expected"),
    [
        ("patient=1&_count=100", PageRequest(24, None, is_first=True), "patient=1&_count=24"),
        ("patient=1", PageRequest(24, None, is_first=True), "patient=1&_count=24"),
        ("patient=1&_count=48&_page=2", PageRequest(24, 3, is_first=False), "patient=1&_count=24&_page=3"),
        ("patient=1&_count=x", PageRequest(None, None, is_first=True), "patient=1&_count=x"),
    ],
)
def test_page_is_written_into_the_request(query: str, page: PageRequest, expected: str) -> None:
    request = fhir_request("DocumentReference", query)
    assert with_page_size(request, page).upstream_search.query == expected
    assert with_page_size(request, page_request_of(request)) is request


def test_posted_search_gets_count_in_its_form() -> None:
    request = fhir_request("DocumentReference/_search", "", "POST", form="patient=1")
    sized = with_page_size(request, PageRequest(24, None, is_first=True))
    assert (sized.upstream_search.query, sized.upstream_search.form) == ("", "patient=1&_count=24")


def test_link_with_criteria_gets_size_and_opaque_link_does_not() -> None:
    search = parse_search("patient=1&_count=100")
    links = (
        Link("next", f"{BASE}/DocumentReference?patient=1&_page=2", {}),
        Link("next", f"{BASE}/DocumentReference?patient=1&_page=2&_count=24", {}),
        Link("next", f"{BASE}/DocumentReference?_token=abc", {}),
    )
    bundle = Bundle({}, links, ())
    urls = [link.url for link in with_page_size_in_links(bundle, search, 24).links]
    assert urls[0].endswith("patient=1&_page=2&_count=24")
    assert urls[1:] == [link.url for link in links[1:]]
    sized_bundle = Bundle({}, links[1:], ())
    assert with_page_size_in_links(sized_bundle, search, 24) is sized_bundle


def test_search_signature_depends_on_includes_and_shows_only_type() -> None:
    signatures = {
        search_signature(fhir_request("Observation", query))
        for query in ("patient=1", "patient=2", "_include=Observation:subject", "_elements=id")
    }
    assert len(signatures) == 3
    assert search_signature(fhir_request("Patient", "")) not in signatures
    assert {signature.partition(".")[0] for signature in signatures} == {"Observation"}
    assert not any("subject" in signature for signature in signatures)


@pytest.mark.parametrize(
    ("message", "limit"),
    [
        ("message size limit (1mb)", MB),
        ("message size limit (8MB)", 8 * MB),
        ("message size limit (500000b)", 500_000),
        ("message size limit (9kb)", None),
        ("message size limit (999999mb)", None),
        ("results were too large (256 kb)", None),
        ("limit (1mb)", None),
        ("", None),
    ],
)
def test_plausible_limit_is_read_from_the_own_words(message: str, limit: int | None) -> None:
    assert stated_limit(Failure(RESULT_TOO_LARGE, own_words=message)) == limit


def test_limit_in_a_body_without_own_words_is_not_believed() -> None:
    response = json_response({"message": "message size limit (1mb)"}, 413)
    assert stated_limit(Failure(RESULT_TOO_LARGE, upstream_response=response)) is None


def test_matches_are_counted_without_includes() -> None:
    assert count_matches(page([entry("1"), entry("2"), entry("1", "include", type="Patient")]).body) == 2
