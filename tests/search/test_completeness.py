"""Total of the only page of a search."""

from typing import Any

import pytest
from search.test_merge import entry, page
from support.requests import fhir_request

from gateway.errors.failure import Failure
from gateway.exchange import START
from gateway.fhir.search_params import parse_search
from gateway.search.completeness import require_whole_page, total_of_page


def is_whole(query: str, matches: int, includes: int = 0, **fields: Any) -> bool:
    entries = [entry(str(number)) for number in range(matches)]
    entries += [entry(str(number), "include", type="Patient") for number in range(includes)]
    bundle = page(entries, **fields).with_parsed_bundle().bundle
    assert bundle is not None
    return require_whole_page(parse_search(query), bundle)


@pytest.mark.parametrize(
    ("query", "matches", "includes", "total"),
    [
        ("name=a", 2, 0, 2),
        ("name=a", 2, 0, None),
        ("name=a", 2, 3, 5),
        ("name=a", 3, 0, 2),
        ("name=a&_summary=count", 0, 0, 40),
        ("name=a&_count=0", 0, 0, 40),
        ("name=a&_total=estimate", 2, 0, 40),
    ],
)
def test_page_with_all_matches_is_whole(query: str, matches: int, includes: int, total: int | None) -> None:
    assert is_whole(query, matches, includes, total=total)


@pytest.mark.parametrize("total", [3, 40])
def test_full_page_is_limited_by_the_client(total: int) -> None:
    assert not is_whole("name=a&_count=2", 2, 1, total=total)


@pytest.mark.parametrize("total", [3, 4, 6])
def test_includes_do_not_replace_matches(total: int) -> None:
    with pytest.raises(Failure, match="upstream-incomplete"):
        is_whole("name=a", 2, 3, total=total)


@pytest.mark.parametrize(
    ("query", "fields", "expected"),
    [
        ("name=a", {}, None),
        ("name=a", {"total": 2}, 2),
        ("name=a", {"total": 1}, 2),
        ("name=a", {"total": 3}, 2),
        ("name=a&_count=2", {"total": 3}, 3),
        ("name=a&_summary=count", {"total": 9}, 9),
        ("name=a", {"total": 9, "next_path": "?page=2"}, 9),
    ],
)
def test_only_a_whole_page_shows_the_number_of_matches(
    query: str, fields: dict[str, Any], expected: int | None
) -> None:
    entries = [entry("1"), entry("2"), entry("3", "include", type="Patient")]
    bundle = page(entries, **fields).with_parsed_bundle().bundle
    assert bundle is not None
    request = fhir_request("Appointment", query)
    assert total_of_page(request, request.upstream_search, START, bundle) == expected


@pytest.mark.parametrize(("query", "matches"), [("name=a", 1), ("name=a&_count=2", 1), ("name=a", 0)])
def test_page_that_lacks_matches_is_refused(query: str, matches: int) -> None:
    with pytest.raises(Failure, match="upstream-incomplete"):
        is_whole(query, matches, total=40)
