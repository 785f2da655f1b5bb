"""Entries of a client's page."""

from typing import Any

import msgspec
from msgspec import Raw
from support.requests import fhir_request

from gateway.fhir.bundle import Entry
from gateway.fhir.includes import search_mode
from gateway.search.entries import (
    included_entries,
    needed_includes,
    outcome_entries,
    possible_includes,
    unique_entries,
    warning_entry,
)


def entry(id_: str, mode: str = "", url: str = "", **fields: Any) -> Entry:
    resource = {"resourceType": "Observation", "id": id_, **fields}
    parts = {"fullUrl": url, "resource": resource, "search": {"mode": mode} if mode else None}
    return Entry({name: Raw(msgspec.json.encode(value)) for name, value in parts.items() if value})


def test_each_version_at_a_url_stays_once() -> None:
    first, second = (entry("1", url="https://h/1", meta={"versionId": version}) for version in "12")
    include, other = entry("1", "include", "https://h/1"), entry("2", url="https://h/1")
    assert unique_entries([first, second, first, include, other]) == (first, second, other)


def test_entries_without_url_all_stay() -> None:
    entries = (entry("1"), entry("1"))
    assert unique_entries(entries) == entries


def test_url_is_the_same_in_another_spelling() -> None:
    first, other = entry("1", url="https://h/1"), entry("2", url="https://h/2")
    spelt = first.with_field("fullUrl", Raw(b'"https:\\/\\/h\\/1"'))
    assert unique_entries([first, other]) == (first, other)
    assert unique_entries([first, other, spelt]) == (first, other)


def test_filtered_entry_without_mode_may_be_an_include() -> None:
    request = fhir_request("Observation", "code=x&_include=Observation:has-member")
    silent, stated = entry("1"), entry("2", "match")
    assert [search_mode(item) for item in possible_includes(request, [silent, stated])] == ["include"]
    assert possible_includes(fhir_request("Observation", "code=x"), [silent]) == ()


def test_reverse_includes_of_any_type_stay() -> None:
    request = fhir_request("Observation", "code=x&_revinclude=*")
    include = entry("2", "include", hasMember=[{"reference": "Observation/1"}])
    assert needed_includes(request, [entry("1")], [include]) == [include]
    assert needed_includes(fhir_request("Observation", "code=x"), [entry("1")], [include]) == []


def test_entries_are_told_apart_by_mode() -> None:
    entries = [entry("1"), entry("2", "include"), warning_entry("Text.")]
    assert included_entries(entries) == entries[1:2]
    assert outcome_entries(entries) == entries[2:]
    assert b"Text." in bytes(entries[2].fields["resource"])
