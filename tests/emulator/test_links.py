from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.emulator.links import (
    base_for_link_form,
    page_link,
    page_offsets,
    page_pairs,
    split_page_position,
)
from gateway.emulator.search.refusal import Refusal
from gateway.emulator.settings import EmulatorSettings, LinkForm, Paging, Variants

pairs = st.lists(st.tuples(st.sampled_from(["name", "gender", "_include", "_sort"]), st.text()), max_size=4)


@given(pairs=pairs, page=st.integers(0, 50), paging=st.sampled_from(get_args(Paging)))
def test_page_link_round_trips_search_and_offset(
    pairs: list[tuple[str, str]], page: int, paging: Paging
) -> None:
    variants = Variants(paging=paging)
    search_pairs, offset = split_page_position(page_pairs(pairs, page * 7, 7, variants), paging)
    assert sorted(search_pairs) == sorted([*pairs, ("_count", "7")])
    assert offset == page * 7


def test_include_beside_page_token_is_applied() -> None:
    request_pairs = [*page_pairs([("name", "x")], 20, 20, Variants()), ("_include", "Patient:organization")]
    assert ("_include", "Patient:organization") in split_page_position(request_pairs)[0]


@pytest.mark.parametrize("other", [("_include", "Patient:organization"), ("_format", "json")])
def test_strict_token_is_refused_beside_other_parameter(other: tuple[str, str]) -> None:
    (token,) = page_pairs([("name", "x"), ("_include", "a")], 20, 20, Variants(paging="strict-token"))
    assert token[0] == "_page_token"
    split_page_position([token, other], "token")
    with pytest.raises(Refusal):
        split_page_position([token, other], "strict-token")


@pytest.mark.parametrize(
    ("changes", "offsets"),
    [
        ({}, {"first": 0, "previous": 5, "next": 15, "last": 25}),
        ({"next_link": "absent"}, {"first": 0, "previous": 5, "last": 25}),
        ({"next_link": "itself", "first_and_last": False}, {"previous": 5, "next": 10}),
    ],
)
def test_page_offsets_depend_on_variants(changes: dict[str, Any], offsets: dict[str, int]) -> None:
    assert page_offsets(Variants(**changes), 10, 5, 27) == offsets


def test_last_page_has_no_next_by_any_variant() -> None:
    assert "next" not in page_offsets(Variants(next_link="itself"), 25, 5, 27)


@pytest.mark.parametrize(
    ("base", "form", "start"),
    [
        ("http://h/R4", "api", "http://h/R4/Patient?"),
        ("", "query-only", "?"),
        ("", "path-relative", "Patient?"),
    ],
)
def test_link_values_are_percent_encoded(base: str, form: LinkForm, start: str) -> None:
    url = page_link(base, form, "Patient", [("name", "a&b=c+d é")])
    assert url == f"{start}name=a%26b%3Dc%2Bd+%C3%A9"


def test_link_base_uses_configured_hosts() -> None:
    settings = EmulatorSettings(public_url="https://public.example", internal_url="http://inner.example")
    bases = [
        base_for_link_form(form, settings, "http://client.example", "desktop", "G")
        for form in ("absolute-public", "absolute-internal", "api", "root-relative")
    ]
    assert bases == [
        "https://public.example/integrator/sites/G/fhir/R4",
        "http://inner.example/sites/G/fhir/R4",
        "http://client.example/api/sites/G/fhir/R4",
        "/desktop/sites/G/fhir/R4",
    ]
