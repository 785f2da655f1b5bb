from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.requests import SITE, fhir_request

from gateway.cache.key import cache_key, canonical_parameters
from gateway.dates.timezones import load_zone
from gateway.exchange import FhirRequest, Position, Site
from gateway.fhir.search_params import SearchParams, encode_parameter, parse_search
from gateway.http.callers import fingerprint
from gateway.repairs.search_date_format import rewrite_dates

KEY = ("ocp-apim-subscription-key", "demo")


def asked(path: str = "Patient", query: str = "", **changes: Any) -> FhirRequest:
    return rewrite_dates(fhir_request(path, query, **({"headers": (KEY,)} | changes)))


def key(request: FhirRequest, **changes: Any) -> str:
    return cache_key(request, b"secret", **changes)


@pytest.mark.parametrize(
    ("one", "other"),
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
def test_spellings_of_a_question_have_one_key(one: str, other: str) -> None:
    assert key(asked(query=one)) == key(asked(query=other))


@pytest.mark.parametrize(
    ("one", "other"),
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
def test_different_questions_have_different_keys(one: str, other: str) -> None:
    assert key(asked(query=one)) != key(asked(query=other))


def test_get_and_post_have_one_key() -> None:
    posted = asked("Patient/_search", form="gender=female", method="POST")
    assert key(posted) == key(asked(query="gender=female"))
    assert key(asked(method="HEAD")) == key(asked())


@pytest.mark.parametrize(
    "changes",
    [
        {"site": Site("other", load_zone("Australia/Sydney"))},
        {"site": Site(SITE.guid, SITE.zone, disabled_repairs=frozenset({"link-base-url"}))},
        {"upstream_base": "https://api.haloconnect.io/desktop"},
        {"public_base": "https://elsewhere.example"},
        {"response_format": "application/json"},
        {"position": Position(1)},
        {"position": Position(0, "?page=2")},
        {"headers": (("ocp-apim-subscription-key", "other"),)},
        {"headers": (KEY, ("deviceid", "d"))},
        {"headers": (KEY, ("prefer", "handling=strict"))},
        {"headers": (KEY, ("accept-language", "de"))},
        {"headers": ()},
        {"split_searches": ()},
    ],
)
def test_whatever_the_bytes_depend_on_is_in_the_key(changes: dict[str, Any]) -> None:
    assert key(asked(query="name=a")) != key(asked(query="name=a").replace(**changes))


@pytest.mark.parametrize("changes", [{"request_id": "r-2"}, {"headers": (KEY, ("user-agent", "x"))}])
def test_what_changes_nothing_is_not(changes: dict[str, Any]) -> None:
    assert key(asked()) == key(asked().replace(**changes))


def test_version_secret_and_path_are_in_the_key() -> None:
    found = {key(asked()), key(asked(), version="2"), cache_key(asked(), b"other"), key(asked("Patient/1"))}
    assert len(found) == 4


def test_only_callers_said_to_be_one_share() -> None:
    other = asked(headers=(("ocp-apim-subscription-key", "other"),))
    groups = {fingerprint((KEY,)): "firm", fingerprint(other.headers): "firm"}
    assert key(asked(), shared_callers=groups) == key(other, shared_callers=groups)
    alone = {fingerprint((KEY,)): fingerprint(other.headers)}
    assert key(asked(), shared_callers=alone) != key(other, shared_callers=alone)


def test_a_caller_can_be_computed_by_hand() -> None:
    """`printf %s ocp-apim-subscription-key:demo | sha256sum`."""
    assert (
        fingerprint((KEY, ("user-agent", "x")))
        == "5d7dbb05502b0ecdbc54deaf1ed1dcfd6b398ea6efc31aac08cc944bb61fe234"
    )


def test_nothing_can_be_read_in_a_key() -> None:
    assert key(asked(query="family=Zzyzx")).isalnum()
    assert len(key(asked())) == 64


PAIRS = st.lists(
    st.tuples(st.sampled_from(("a", "b:exact", "_id", "_include")), st.text(max_size=3)), max_size=6
)


@given(PAIRS, st.randoms())
def test_the_order_of_criteria_never_shows(pairs: list[tuple[str, str]], random: Any) -> None:
    shuffled = random.sample(pairs, len(pairs))
    assert canonical_parameters(written(pairs)) == canonical_parameters(written(shuffled))


@given(PAIRS, PAIRS)
def test_what_is_not_the_same_set_never_looks_alike(
    one: list[tuple[str, str]], other: list[tuple[str, str]]
) -> None:
    assert (canonical_parameters(written(one)) == canonical_parameters(written(other))) is (
        sorted(one) == sorted(other)
    )


def written(pairs: list[tuple[str, str]]) -> SearchParams:
    return SearchParams(tuple(encode_parameter(name, value) for name, value in pairs))


def test_where_a_repeat_replaces_the_order_shows() -> None:
    assert canonical_parameters(parse_search("a=2&a=1"), commutes=False) != canonical_parameters(
        parse_search("a=1&a=2"), commutes=False
    )
