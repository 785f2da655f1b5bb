"""Criteria on `identifier`, compared with what a match shows."""

import json
from typing import Any

import pytest
from support.requests import fhir_request

from gateway.upstreams.identifier_criteria import identifier_criteria, may_have_identifiers


def may_match(query: str, *values: Any) -> bool:
    patient = {"resourceType": "Patient", "identifier": [{"value": value} for value in values]}
    criteria = identifier_criteria(fhir_request("Patient", query))
    return may_have_identifiers(json.dumps(patient).encode(), criteria)


@pytest.mark.parametrize(
    ("query", "values", "expected"),
    [
        ("identifier=a|1", ["1"], True),
        ("identifier=1", ["2", "1"], True),
        ("identifier=|ABC", ["abc"], True),
        ("identifier=a|2950 1234 5", ["2950-12345"], True),
        ("identifier=a|295012345", ["2950123451"], True),
        ("identifier=a|1,b|2", ["2"], True),
        ("identifier=a%5C,b", ["a,b"], True),
        ("identifier=a|1", ["2"], False),
        ("identifier=a|1", ["10"], False),
        ("identifier=a|1&identifier=b|2", ["1"], False),
        ("identifier=a|1", [], True),
        ("identifier=a|1", [None, 7], True),
        ("identifier=a|", ["2"], True),
        ("identifier:not=a|1", ["1"], True),
        ("identifier:of-type=a|b|1", ["2"], True),
        ("family=x", ["2"], True),
    ],
)
def test_only_a_match_that_shows_other_values_is_wrong(query: str, values: list[Any], expected: bool) -> None:
    assert may_match(query, *values) is expected


def test_identifier_of_one_object_is_read() -> None:
    criteria = identifier_criteria(fhir_request("Composition", "identifier=1"))
    assert not may_have_identifiers(b'{"identifier":{"value":"2"}}', criteria)
