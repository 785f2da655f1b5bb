import pytest
from hypothesis import given
from hypothesis import strategies as st
from search.test_merge import BASE, entry, page
from support.requests import fhir_request, json_response

from gateway.errors.failure import Failure
from gateway.fhir.bundle import Bundle, Link
from gateway.fhir.search_params import search
from gateway.paging.page_size import (
    FIRST_GUESS,
    Asked,
    Fit,
    asked,
    asking_for,
    continued,
    divisible,
    kind_of_search,
    matches,
    stated_limit,
)
from gateway.upstreams.halo_failures import RESULT_TOO_LARGE

MB = 2**20
FIRST = Asked(100, None, first=True)


@given(st.integers(1, 100_000))
def test_a_size_can_be_halved_and_is_not_much_smaller(size: int) -> None:
    found = divisible(size)
    assert 0 < found <= size
    assert size - found < 8
    assert size < 16 or found % 8 == 0


@given(st.integers(1, 500), st.integers(1, 400), st.integers(1, 500))
def test_a_smaller_numbered_page_begins_at_the_same_match(size: int, number: int, wanted: int) -> None:
    found = Asked(size, number, first=False).of(wanted)
    assert found.size is not None
    assert found.page is not None
    assert found.size <= max(wanted, 1) or found.size == size <= wanted
    assert size % found.size == 0
    assert (found.page - 1) * found.size == (number - 1) * size


def test_a_page_without_number_may_have_any_size() -> None:
    assert FIRST.of(24) == Asked(24, None, first=True)
    assert FIRST.of(100) is FIRST
    assert FIRST.of(None) is FIRST


def test_a_numbered_page_that_shows_no_size_stays() -> None:
    unsized = Asked(None, 3, first=False)
    assert unsized.of(10) is unsized
    assert unsized.smaller(Fit(), MB) is None


def test_halving_ends_at_one() -> None:
    page: Asked | None = FIRST
    sizes = []
    fit = Fit()
    while page is not None:
        sizes.append(page.size)
        fit = fit.after_refusal(page.size)
        page = page.smaller(fit, MB)
    assert sizes[0] == 100
    assert sizes[-1] == 1
    assert len(sizes) <= 8


def test_known_bytes_lead_to_the_size_at_once() -> None:
    fit = Fit().after_page(280_000, 10).after_refusal(100)
    assert FIRST.smaller(fit, MB) == Asked(24, None, first=True)


def test_70_percent_of_the_limit_is_aimed_at_before_anything_failed() -> None:
    fit = Fit().after_page(280_000, 10)
    assert FIRST.planned(fit, MB).size == 24
    assert FIRST.planned(fit, 8 * MB) is FIRST
    assert FIRST.planned(Fit(), MB) is FIRST


def test_heavy_matches_are_remembered_longer_than_light_ones() -> None:
    fit = Fit().after_page(28_000, 1).after_page(1_000, 1)
    assert fit.each == pytest.approx(22_600)
    assert fit.after_page(100, 0) is fit


def test_what_failed_is_forgotten_when_a_larger_page_came() -> None:
    fit = Fit().after_refusal(50)
    assert (fit.fails, fit.best(MB)) == (50, 24)
    assert fit.after_page(1_000, 60).fails == 0


def test_a_413_far_below_the_limit_is_not_held_against_the_size() -> None:
    fit = Fit().after_page(50_000, 50).after_refusal(40)
    assert fit.best(8 * MB) == 5_872
    assert fit.after_page(280_000, 10).best(MB) == 24


def test_a_search_without_count_gets_one_where_the_upstreams_own_page_was_too_large() -> None:
    bare = Asked(None, None, first=True)
    assert bare.planned(Fit().after_page(280_000, 10), MB) is bare
    refused = Fit().after_refusal(None)
    assert bare.smaller(refused, MB) == Asked(FIRST_GUESS, None, first=True)
    assert bare.planned(refused.after_page(280_000, 10), MB).size == 10
    assert bare.planned(refused.after_page(900_000, 10), MB).size == 8
    opaque = Asked(None, None, first=False)
    assert opaque.planned(refused.after_page(280_000, 10), MB) is opaque


@pytest.mark.parametrize(
    ("query", "page", "sent"),
    [
        ("patient=1&_count=100", Asked(24, None, first=True), "patient=1&_count=24"),
        ("patient=1", Asked(24, None, first=True), "patient=1&_count=24"),
        ("patient=1&_count=48&_page=2", Asked(24, 3, first=False), "patient=1&_count=24&_page=3"),
        ("patient=1&_count=x", Asked(None, None, first=True), "patient=1&_count=x"),
    ],
)
def test_the_page_is_written_into_the_request(query: str, page: Asked, sent: str) -> None:
    request = fhir_request("DocumentReference", query)
    assert asking_for(request, page).search.query == sent
    assert asking_for(request, asked(request)) is request


def test_a_posted_search_stays_posted() -> None:
    request = fhir_request("DocumentReference/_search", "", "POST", form="patient=1")
    changed = asking_for(request, Asked(24, None, first=True))
    assert (changed.search.query, changed.search.form) == ("", "patient=1&_count=24")


def test_a_link_with_criteria_gets_the_size_and_an_opaque_one_stays() -> None:
    sent = search("patient=1&_count=100")
    links = (
        Link("next", f"{BASE}/DocumentReference?patient=1&_page=2", {}),
        Link("next", f"{BASE}/DocumentReference?patient=1&_page=2&_count=24", {}),
        Link("next", f"{BASE}/DocumentReference?_token=abc", {}),
    )
    bundle = Bundle({}, links, ())
    urls = [each.url for each in continued(bundle, sent, 24).links]
    assert urls[0].endswith("patient=1&_page=2&_count=24")
    assert urls[1:] == [each.url for each in links[1:]]
    settled = Bundle({}, links[1:], ())
    assert continued(settled, sent, 24) is settled


def test_what_is_included_makes_another_kind_of_search_and_its_name_shows_the_type_alone() -> None:
    kinds = {
        kind_of_search(fhir_request("Observation", query))
        for query in ("patient=1", "patient=2", "_include=Observation:subject", "_elements=id")
    }
    assert len(kinds) == 3
    assert kind_of_search(fhir_request("Patient", "")) not in kinds
    assert {each.partition(".")[0] for each in kinds} == {"Observation"}
    assert not any("subject" in each for each in kinds)


@pytest.mark.parametrize(
    ("said", "limit"),
    [("message size limit (1mb)", MB), ("limit (8MB)", 8 * MB), ("limit (50000b)", 50_000), ("", None)],
)
def test_the_limit_is_read_from_the_message(said: str, limit: int | None) -> None:
    assert stated_limit(Failure(RESULT_TOO_LARGE, received=json_response({"message": said}, 413))) == limit
    assert stated_limit(Failure(RESULT_TOO_LARGE)) is None


def test_matches_are_counted_without_includes() -> None:
    assert matches(page([entry("1"), entry("2"), entry("1", "include", type="Patient")]).body) == 2
