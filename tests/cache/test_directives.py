"""Cache directives of requests and responses."""

from math import inf
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.requests import fhir_request, json_response

from gateway.cache.directives import (
    RequestDirectives,
    ResponseDirectives,
    parse_directives,
    request_directives,
    response_directives,
)


def directives_of(*headers: tuple[str, str]) -> RequestDirectives:
    return request_directives(fhir_request("Patient", headers=headers))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {}),
        ("no-cache", {"no-cache": ""}),
        ("Max-Age=5 , no-store", {"max-age": "5", "no-store": ""}),
        ('private="set-cookie, x", max-age="7"', {"private": "set-cookie, x", "max-age": "7"}),
        ("max-age=1, max-age=2", {"max-age": "1"}),
    ],
)
def test_directives_are_parsed_by_rfc_9111(text: str, expected: dict[str, str]) -> None:
    assert parse_directives((("cache-control", text),)) == expected


def test_several_header_fields_are_combined() -> None:
    assert set(parse_directives((("cache-control", "no-cache"), ("cache-control", "no-store")))) == {
        "no-cache",
        "no-store",
    }


@given(st.text())
def test_any_cache_control_text_is_parsed(text: str) -> None:
    directives_of(("cache-control", text))


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ((), RequestDirectives()),
        ((("pragma", "no-cache"),), RequestDirectives(no_cache=True)),
        ((("pragma", "no-cache"), ("cache-control", "max-age=5")), RequestDirectives(max_age=5)),
        ((("cache-control", "max-age=junk"),), RequestDirectives(max_age=0)),
        ((("cache-control", "max-age=99999999999999999999"),), RequestDirectives(max_age=2**31)),
        ((("cache-control", "max-stale"),), RequestDirectives(max_stale=inf)),
        ((("cache-control", "max-stale=9, min-fresh=3"),), RequestDirectives(max_stale=9, min_fresh=3)),
        (
            (("cache-control", "only-if-cached, no-store"),),
            RequestDirectives(only_if_cached=True, no_store=True),
        ),
    ],
)
def test_request_headers_give_directives(
    headers: tuple[tuple[str, str], ...], expected: RequestDirectives
) -> None:
    assert directives_of(*headers) == expected


@pytest.mark.parametrize(
    ("directives", "age", "max_staleness", "is_permitted"),
    [
        (RequestDirectives(), 59.9, 0, True),
        (RequestDirectives(), 60, 0, False),
        (RequestDirectives(max_age=5), 5, 0, True),
        (RequestDirectives(max_age=5), 5.1, 0, False),
        (RequestDirectives(min_fresh=10), 50, 0, True),
        (RequestDirectives(min_fresh=10), 51, 0, False),
        (RequestDirectives(max_stale=inf), 70, 0, False),
        (RequestDirectives(max_stale=inf), 70, 11, True),
        (RequestDirectives(max_stale=5), 70, 11, False),
        (RequestDirectives(no_cache=True), 0, 0, False),
        (RequestDirectives(no_store=True), 0, 0, False),
    ],
)
def test_directives_permit_age_of_60_second_response(
    directives: RequestDirectives, age: float, max_staleness: float, *, is_permitted: bool
) -> None:
    assert directives.permits(age, 60, max_staleness) is is_permitted


@given(st.floats(0, 100), st.floats(0, 100), st.floats(0, 100), st.floats(0, 100))
def test_directives_only_restrict_lifetime(
    age: float, lifetime: float, max_age: float, min_fresh: float
) -> None:
    if RequestDirectives(max_age=max_age, min_fresh=min_fresh).permits(age, lifetime):
        assert age < lifetime
        assert age <= max_age


DATE = "Wed, 01 Jul 2026 02:00:00 GMT"


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, ResponseDirectives()),
        (
            {"cache_control": "no-store"},
            ResponseDirectives(may_store=False, lifetime=0, may_serve_stale=False),
        ),
        (
            {"cache_control": "private"},
            ResponseDirectives(may_store=False, lifetime=0, may_serve_stale=False),
        ),
        (
            {"cache_control": "no-cache"},
            ResponseDirectives(may_store=False, lifetime=0, may_serve_stale=False),
        ),
        ({"vary": "*"}, ResponseDirectives(may_store=False, lifetime=0, may_serve_stale=False)),
        ({"vary": "User-Agent"}, ResponseDirectives(may_store=False, lifetime=0, may_serve_stale=False)),
        (
            {"vary": "Origin, User-Agent"},
            ResponseDirectives(may_store=False, lifetime=0, may_serve_stale=False),
        ),
        ({"vary": "X-Request-Id"}, ResponseDirectives(may_store=False, lifetime=0, may_serve_stale=False)),
        ({"vary": "Accept-Encoding, Prefer"}, ResponseDirectives()),
        ({"vary": "Origin, Cookie"}, ResponseDirectives()),
        ({"cache_control": "max-age=30"}, ResponseDirectives(lifetime=30)),
        ({"cache_control": "max-age=30", "age": "10"}, ResponseDirectives(lifetime=20)),
        ({"cache_control": "max-age=30, s-maxage=5"}, ResponseDirectives(lifetime=5, may_serve_stale=False)),
        (
            {"cache_control": "max-age=9, must-revalidate"},
            ResponseDirectives(lifetime=9, may_serve_stale=False),
        ),
        ({"expires": "Wed, 01 Jul 2026 02:00:09 GMT", "date": DATE}, ResponseDirectives(lifetime=9)),
        ({"expires": "0", "date": DATE}, ResponseDirectives(may_store=False, lifetime=0)),
        ({"expires": DATE}, ResponseDirectives(may_store=False, lifetime=0)),
    ],
)
def test_response_headers_give_directives(headers: dict[str, Any], expected: ResponseDirectives) -> None:
    assert response_directives(json_response({}, **headers)) == expected
