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
    parse_declared_dates(msgspec.json.encode(body))
    members = body if isinstance(body, dict) else {"rest": body}
    named = {**members, "resourceType": "CapabilityStatement"}
    assert parse_declared_dates(msgspec.json.encode(named)) is not None


UNREADABLE_STATEMENTS = [
    b"",
    b"{",
    b"\xff",
    b'{"resourceType":"CapabilityStatement","rest":[}',
    b'{"resourceType":"CapabilityStatement","name":"\xff"}',
    b'{"resourceType":"CapabilityStatement","a":' + b"[" * 100_000,
    b"[]",
    b"null",
    b"{}",
    b'{"resourceType":"Patient","rest":[]}',
]


@pytest.mark.parametrize("body", UNREADABLE_STATEMENTS, ids=lambda body: body[:50])
def test_unreadable_statement_declares_nothing_at_all(body: bytes) -> None:
    assert parse_declared_dates(body) is None


def test_statement_without_dates_declares_none() -> None:
    assert parse_declared_dates(b'{"resourceType":"CapabilityStatement"}') == {}


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
