"""Cache keys: equal for equivalent requests, different for different ones, and opaque."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.requests import SITE, fhir_request

from gateway.cache.key import cache_key, canonical_parameters
from gateway.dates.timezones import load_zone
from gateway.exchange import FhirRequest, Position, SearchPlan, Site
from gateway.fhir.search_params import JudgedCriteria, SearchParams, encode_parameter, parse_search
from gateway.http.callers import fingerprint
from gateway.repairs.search_date_format import rewrite_dates

KEY = ("ocp-apim-subscription-key", "demo")


def request_for(path: str = "Patient", query: str = "", **changes: Any) -> FhirRequest:
    return rewrite_dates(fhir_request(path, query, **({"headers": (KEY,)} | changes)))


def key(request: FhirRequest, **changes: Any) -> str:
    return cache_key(request, b"secret", **changes)


def search_params(pairs: list[tuple[str, str]]) -> SearchParams:
    return SearchParams(tuple(encode_parameter(name, value) for name, value in pairs))


@pytest.mark.parametrize(
    ("query", "other_query"),
    [
        ("a=1&b=2", "b=2&a=1"),
        ("name=a%20b", "name=a+b"),
        ("n%61me=a", "name=a"),
        ("gender=female&_summary=false", "gender=female"),
        ("birthdate=1980-02", "birthdate=ge1980-02-01&birthdate=lt1980-03-01"),
        ("_include=A:b&_include=C:d", "_include=C:d&_include=A:b"),
        ("name=a&name=b", "name=b&name=a"),
    ],
)
def test_equivalent_searches_have_same_key(query: str, other_query: str) -> None:
    assert key(request_for(query=query)) == key(request_for(query=other_query))


def test_patient_spellings_share_a_key_only_on_request() -> None:
    by_id, by_reference = (
        request_for("Condition", f"patient={value}&_count=5") for value in ("12", "Patient/12")
    )
    assert key(by_id) != key(by_reference)
    shared = key(by_id, any_patient_spelling=True)
    assert shared == key(by_reference, any_patient_spelling=True)
    assert shared not in {key(by_id), key(by_reference)}
    others = ("patient=13", "patient:Patient=12", "subject=12", "subject=Patient/12", "patient=12,13")
    assert shared not in {
        key(request_for("Condition", f"{query}&_count=5"), any_patient_spelling=True) for query in others
    }


@pytest.mark.parametrize(
    ("query", "other_query"),
    [
        ("name=a", "name=b"),
        ("_sort=a&_sort=b", "_sort=b&_sort=a"),
        ("_count=1&_count=2", "_count=2&_count=1"),
        ("birthdate=1980&_summary=count", "birthdate=1980"),
        ("birthdate=1980", "birthdate=1981"),
        ("name=a", "name:exact=a"),
        ("a=1&b=2", "a=2&b=1"),
    ],
)
def test_different_searches_have_different_keys(query: str, other_query: str) -> None:
    assert key(request_for(query=query)) != key(request_for(query=other_query))


def test_get_post_and_head_have_same_key() -> None:
    post_search = request_for("Patient/_search", form="gender=female", method="POST")
    assert key(post_search) == key(request_for(query="gender=female"))
    assert key(request_for(method="HEAD")) == key(request_for())


@pytest.mark.parametrize(
    "changes",
    [
        {"site": Site("other", load_zone("Australia/Sydney"))},
        {"site": Site(SITE.guid, SITE.zone, disabled_repairs=frozenset({"link-base-url"}))},
        {"upstream_base": "https://api.haloconnect.io/desktop"},
        {"public_base": "https://elsewhere.example"},
        {"response_format": "application/json"},
        {"plan": SearchPlan(position=Position(1))},
        {"plan": SearchPlan(position=Position(0, "?page=2"))},
        {"headers": (("ocp-apim-subscription-key", "other"),)},
        {"headers": (KEY, ("deviceid", "d"))},
        {"headers": (KEY, ("prefer", "handling=strict"))},
        {"headers": (KEY, ("accept-language", "de"))},
        {"headers": ()},
        {"plan": SearchPlan(())},
        {"plan": SearchPlan(judged=(JudgedCriteria("verb", parse_search("date=2024").parameters, bool),))},
    ],
)
def test_relevant_change_changes_key(changes: dict[str, Any]) -> None:
    assert key(request_for(query="name=a")) != key(request_for(query="name=a").replace(**changes))


@pytest.mark.parametrize("changes", [{"request_id": "r-2"}, {"headers": (KEY, ("user-agent", "x"))}])
def test_irrelevant_change_keeps_key(changes: dict[str, Any]) -> None:
    assert key(request_for()) == key(request_for().replace(**changes))


def test_version_secret_and_path_change_key() -> None:
    request = request_for()
    keys = {
        key(request),
        key(request, version="2"),
        cache_key(request, b"other"),
        key(request_for("Patient/1")),
    }
    assert len(keys) == 4


def test_only_callers_of_same_group_share_key() -> None:
    request = request_for()
    other = request_for(headers=(("ocp-apim-subscription-key", "other"),))
    groups = {fingerprint((KEY,)): "firm", fingerprint(other.headers): "firm"}
    assert key(request, shared_callers=groups) == key(other, shared_callers=groups)
    group_of_one = {fingerprint((KEY,)): fingerprint(other.headers)}
    assert key(request, shared_callers=group_of_one) != key(other, shared_callers=group_of_one)


def test_fingerprint_equals_sha256sum_of_header() -> None:
    """Output of `printf %s ocp-apim-subscription-key:demo | sha256sum`."""
    assert (
        fingerprint((KEY, ("user-agent", "x")))
        == "5d7dbb05502b0ecdbc54deaf1ed1dcfd6b398ea6efc31aac08cc944bb61fe234"
    )


def test_key_is_an_opaque_hash() -> None:
    assert key(request_for(query="family=Zzyzx")).isalnum()
    assert len(key(request_for())) == 64


PAIRS = st.lists(
    st.tuples(st.sampled_from(("a", "b:exact", "_id", "_include")), st.text(max_size=3)), max_size=6
)


@given(PAIRS, st.randoms())
def test_order_of_criteria_does_not_matter(pairs: list[tuple[str, str]], random: Any) -> None:
    shuffled = random.sample(pairs, len(pairs))
    assert canonical_parameters(search_params(pairs)) == canonical_parameters(search_params(shuffled))


@given(PAIRS, PAIRS)
def test_different_criteria_have_different_canonical_parameters(
    pairs: list[tuple[str, str]], other_pairs: list[tuple[str, str]]
) -> None:
    is_equal = canonical_parameters(search_params(pairs)) == canonical_parameters(search_params(other_pairs))
    assert is_equal is (sorted(pairs) == sorted(other_pairs))


def test_order_of_non_commuting_repetitions_matters() -> None:
    assert canonical_parameters(parse_search("a=2&a=1"), commutes=False) != canonical_parameters(
        parse_search("a=1&a=2"), commutes=False
    )
