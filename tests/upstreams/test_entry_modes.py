"""Mode of entries without `search.mode`."""

import msgspec
import pytest
from msgspec import Raw
from support.requests import fhir_request

from gateway.fhir.bundle import Bundle, Entry
from gateway.fhir.search_params import parse_search
from gateway.upstreams.entry_modes import may_include_type, resource_type, with_stated_modes


def entry(type_: str, search: str | None = None) -> Entry:
    fields = {"resource": Raw(msgspec.json.encode({"resourceType": type_, "id": "1"}))}
    return Entry(fields if search is None else {**fields, "search": Raw(search.encode())})


@pytest.mark.parametrize(
    ("type_", "search", "expected"),
    [
        ("Patient", None, "include"),
        ("OperationOutcome", None, "outcome"),
        ("Observation", None, ""),
        ("Patient", '{"score":0.5}', "include"),
        ("Patient", '{"mode":"match"}', "match"),
        ("Observation", '{"mode":"include"}', "include"),
    ],
)
def test_only_the_searched_type_can_match(type_: str, search: str | None, expected: str) -> None:
    bundle = Bundle({}, (), (entry(type_, search),))
    result = with_stated_modes(fhir_request("Observation", "code=x"), bundle)
    assert result.entries[0].stated_mode == expected
    assert (result is bundle) == (bundle.entries[0].stated_mode == expected)
    if search and "score" in search:
        assert b'"score":0.5' in bytes(result.entries[0].fields["search"])


def test_history_has_no_modes() -> None:
    bundle = Bundle({}, (), (entry("Patient"), Entry({})))
    assert with_stated_modes(fhir_request("Observation/1/_history"), bundle) is bundle
    assert with_stated_modes(fhir_request("Patient"), bundle) is bundle


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("code=x", False),
        ("_include=Observation:subject", False),
        ("_include=Observation:has-member", True),
        ("_include:iterate=Observation:has-member:MolecularSequence", False),
        ("_include=Observation:derived-from:Observation", True),
        ("_include=Observation:made-up", True),
        ("_include=*", True),
        ("_include=Observation:*", True),
        ("_revinclude=Observation:focus", True),
        ("_revinclude=Provenance:target", False),
        ("_revinclude=*", True),
    ],
)
def test_includes_may_give_the_searched_type(query: str, expected: bool) -> None:
    assert may_include_type(parse_search(query), "Observation") is expected


@pytest.mark.parametrize(
    ("resource", "expected"),
    [
        (b'{"resourceType":"Patient"}', "Patient"),
        (b' {\n"resourceType" : "Patient"}', "Patient"),
        (b'{"id":"1","resourceType":"Patient"}', "Patient"),
        (b"{", ""),
        (b"", ""),
        (None, ""),
    ],
)
def test_type_of_a_resource_is_read(resource: bytes | None, expected: str) -> None:
    assert resource_type(resource) == expected
