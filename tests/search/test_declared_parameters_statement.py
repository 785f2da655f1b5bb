"""Date parameters in a CapabilityStatement."""

import msgspec
import pytest
from support.requests import fhir_request

from gateway.search.declared_parameters import DeclaredDates, declared_dates, has_undeclared_parameters
from gateway.upstreams.site_statements import parse_statement


def statement(*parameters: dict[str, str]) -> bytes:
    resource = {"type": "Patient", "searchParam": list(parameters)}
    return msgspec.json.encode({"resourceType": "CapabilityStatement", "rest": [{"resource": [resource]}]})


def dates_in(body: bytes) -> DeclaredDates:
    parsed = parse_statement(body)
    assert parsed is not None
    return declared_dates(parsed.date_parameters)


def test_only_dates_that_r4_lacks_are_parsed() -> None:
    body = statement(
        {"name": "enrolled", "type": "date"},
        {"name": "birthdate", "type": "date"},
        {"name": "ward", "type": "token"},
    )
    assert list(dates_in(body)) == [("Patient", "enrolled")]


def test_statement_without_dates_declares_none() -> None:
    assert dates_in(b'{"resourceType":"CapabilityStatement"}') == {}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("name=a&_count=2", False),
        ("birthdate=2020", False),
        ("enrolled=2020", True),
        ("patient.birthdate=2020", False),
    ],
)
def test_only_parameters_that_r4_lacks_are_undeclared(query: str, expected: bool) -> None:
    assert has_undeclared_parameters(fhir_request("Patient", query)) is expected
