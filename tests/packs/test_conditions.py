"""Conditions of `when`, and edits of all searches that a request sends."""

import dataclasses

import pytest
from support.packs import client_request

from gateway.fhir.search_params import encode_parameter
from gateway.packs.conditions import (
    add_parameter,
    condition_of,
    map_searches,
    of_searches,
    without_search_parameter,
)
from gateway.packs.file import When
from gateway.repairs.search_date_format import rewrite_dates


def applies(text: str, version: str = "", **when: object) -> bool:
    request = client_request(text)
    assert request.site
    site = dataclasses.replace(request.site, engine_version=version)
    return condition_of(When.model_validate(when))(request.replace(site=site))


def test_all_keys_must_hold_and_a_list_means_any() -> None:
    assert applies("GET Patient?name=a")
    assert applies("GET Patient?name=a", type=["Patient", "Person"], parameter="name")
    assert applies("GET Patient?name:exact=a", parameter=["name", "given"])
    assert not applies("GET Patient?given=a", type="Patient", parameter="name")
    assert not applies("GET Patient/1", type="Patient", interaction="search-type")
    assert applies("GET Patient/1", interaction=["read", "vread"])


@pytest.mark.parametrize(
    ("text", "version", "holds"),
    [
        ("< 26.700", "26.699.1", True),
        ("< 26.700", "26.0700.1", False),
        (">= 26.430", "26.430.10213", True),
        (">26.430", "26.430.10213", False),
        ("26.430", "26.430.10213", True),
        ("= 26.430", "26.431", False),
        ("<= 26", "26.900", True),
        ("< 26.700", "", True),
        ("< 26.700", "unknown", True),
    ],
)
def test_engine_version_is_compared_by_its_numbers(text: str, version: str, holds: bool) -> None:
    assert applies("GET Patient?name=a", version, **{"engine-version": text}) is holds


def test_unchanged_request_is_the_same_object() -> None:
    request = client_request("GET Patient?name=a")
    split = request.with_plan(split_searches=(request.upstream_search,))
    for each in (request, split):
        assert map_searches(each, lambda parameter: (parameter,)) is each


def test_each_search_of_the_plan_is_changed() -> None:
    request = client_request("GET Patient?name=a")
    split = request.with_plan(split_searches=(request.upstream_search,) * 2)
    new = add_parameter(split, encode_parameter("_count", "5"))
    assert [each.query for each in new.plan.split_searches or ()] == ["name=a&_count=5"] * 2
    assert new.upstream_search.query == "name=a&_count=5"
    assert new.client_search is request.client_search


def test_search_condition_holds_for_searches_only() -> None:
    condition = of_searches(condition_of(When.model_validate({"type": "Patient", "parameter": "name"})))
    assert condition(client_request("GET Patient?name=a"))
    assert condition(client_request("POST Patient/_search", "name=a"))
    assert not condition(client_request("GET Patient?given=a"))
    assert not condition(client_request("GET Patient/p1?name=a"))


def test_searches_that_differ_in_a_removed_date_become_one() -> None:
    request = client_request("GET Patient?name=a&birthdate=1980,1985&_lastUpdated=2024,2026")
    planned = rewrite_dates(request)
    assert len(planned.plan.split_searches or ()) == 4
    one = without_search_parameter(planned, "birthdate")
    assert [plan.name for plan in one.plan.date_plans] == ["_lastUpdated"]
    assert len(one.plan.split_searches or ()) == 2
    assert one.plan.split_searches
    assert one.upstream_search == one.plan.split_searches[0]
    none = without_search_parameter(planned, "birthdate", "_lastUpdated")
    assert (none.plan.split_searches, none.upstream_search.query) == (None, "name=a")
    assert without_search_parameter(planned, "gender") is planned
