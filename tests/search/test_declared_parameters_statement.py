"""Date parameters in a CapabilityStatement."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.requests import fhir_request

from gateway.search.declared_parameters import has_undeclared_parameters, parse_declared_dates


def statement(*parameters: dict[str, str]) -> bytes:
    resource = {"type": "Patient", "searchParam": list(parameters)}
    return msgspec.json.encode({"resourceType": "CapabilityStatement", "rest": [{"resource": [resource]}]})


def test_only_dates_that_r4_lacks_are_parsed() -> None:
    body = statement(
        {"name": "enrolled", "type": "date"},
        {"name": "birthdate", "type": "date"},
        {"name": "ward", "type": "token"},
    )
    assert list(parse_declared_dates(body)) == [("Patient", "enrolled")]


@given(
    st.recursive(
        st.none() | st.text() | st.integers(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(st.sampled_from(["rest", "resource", "searchParam", "type"]), inner)
        ),
    )
)
def test_any_statement_is_parsed_without_an_exception(body: object) -> None:
    assert parse_declared_dates(msgspec.json.encode(body)) is not None


@pytest.mark.parametrize("body", [b"", b"{", b"\xff"])
def test_invalid_json_declares_no_parameters(body: bytes) -> None:
    assert parse_declared_dates(body) == {}


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
