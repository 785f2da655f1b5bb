"""Header fields of merged pages."""

import pytest
from support.requests import json_response

from gateway.cache.directives import ResponseDirectives, response_directives
from gateway.exchange import FhirResponse
from gateway.search.merged_headers import merge_directives, merge_headers


def merged(*cache_controls: str, **headers: str) -> FhirResponse:
    directives: ResponseDirectives | None = None
    responses = [json_response({}, cache_control=value, etag='"1"', **headers) for value in cache_controls]
    for response in responses:
        directives = merge_directives(directives, response)
    assert directives is not None
    return FhirResponse(200, merge_headers(responses[0].headers, directives))


@pytest.mark.parametrize(
    ("cache_controls", "expected"),
    [
        (("", ""), ""),
        (("max-age=60", "no-store"), "no-store"),
        (("max-age=60", "private"), "no-store"),
        (("max-age=60", "max-age=20"), "max-age=20"),
        (("", "max-age=20"), "max-age=20"),
        (("max-age=60", "max-age=0"), "no-store"),
        (("max-age=60", "must-revalidate"), "max-age=60, must-revalidate"),
    ],
)
def test_strictest_directives_count(cache_controls: tuple[str, ...], expected: str) -> None:
    assert merged(*cache_controls).header("cache-control") == expected


def test_age_counts_against_the_lifetime_once() -> None:
    response = merged("max-age=60", "max-age=50", age="15")
    assert response_directives(response).lifetime == 35
    assert response.header("age") == ""


def test_fields_of_one_response_are_dropped() -> None:
    response = merged("", "", last_modified="Sun, 06 Nov 1994 08:49:37 GMT", x_progress="1")
    assert dict(response.headers) == {"content-type": "application/json", "x-progress": "1"}


def test_unknown_vary_of_any_part_forbids_storing() -> None:
    assert merged("", "max-age=60", vary="x-mood").header("cache-control") == "no-store"
