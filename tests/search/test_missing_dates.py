"""`:missing` on dates, compared with what the matches show."""

import json

import pytest
from support.requests import fhir_request

from gateway.errors import catalog
from gateway.errors.failure import Failure
from gateway.fhir.bundle import Bundle, bundle_from_fields
from gateway.fhir.raw_json import object_fields
from gateway.search.missing_dates import require_missing_dates

DATED = {"resourceType": "Appointment", "id": "1", "start": "2024-05-01T09:00:00+10:00"}
UNDATED = {"resourceType": "Appointment", "id": "2"}


def page(*resources: object, mode: str = "match") -> Bundle:
    entries = [{"resource": resource, "search": {"mode": mode}} for resource in resources]
    body = {"resourceType": "Bundle", "type": "searchset", "entry": entries}
    return bundle_from_fields(object_fields(json.dumps(body).encode()))


def is_refused(query: str, bundle: Bundle) -> bool:
    request = fhir_request("Appointment", query)
    try:
        require_missing_dates(request, request.upstream_search, bundle)
    except Failure as failure:
        return (failure.kind, failure.expression) == (catalog.PARAMETER_IGNORED, "http.date:missing")
    return False


@pytest.mark.parametrize(
    ("query", "resource", "expected"),
    [
        ("date:missing=true", DATED, True),
        ("date:missing=true", UNDATED, False),
        ("date:missing=false", DATED, False),
        ("date:missing=false", UNDATED, True),
        ("date:missing=true&_elements=status", DATED, False),
        ("date:missing=x", DATED, False),
        ("status:missing=true", DATED, False),
        ("patient.birthdate:missing=true", DATED, False),
        ("date=2024", UNDATED, False),
    ],
)
def test_match_that_shows_the_opposite_is_refused(query: str, resource: object, expected: bool) -> None:
    assert is_refused(query, page(UNDATED if resource is UNDATED else DATED)) is expected


def test_only_matches_are_compared() -> None:
    assert not is_refused("date:missing=true", page(DATED, mode="include"))
