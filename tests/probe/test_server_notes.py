"""Notes about links, pages, sizes, versions and conditional writes."""

from typing import Any

import pytest
from probe.probing import evidence_with, probe_emulator, set_variants

from gateway.emulator.serve import RunningEmulator
from gateway.emulator.sites import BRISBANE
from gateway.probe.evidence import Evidence, Pairs, ProbeRequest, ProbeResponse
from gateway.probe.server_notes import server_notes

#: Written in every report.
SIZE_NOTE = "size limit: not asked, because a response of that size counts; the gateway learns it from a 413"


def notes(name: str, response: ProbeResponse) -> list[str]:
    return notes_of(evidence_with().with_response(name, response))


def notes_of(evidence: Evidence) -> list[str]:
    return [text for text in server_notes(evidence) if text != SIZE_NOTE]


def included(*parameters: tuple[str, str], **facts: Any) -> list[str]:
    response = ProbeResponse(ProbeRequest("Appointment"), self_link_parameters=parameters or None, **facts)
    return notes("include", response)


@pytest.mark.parametrize(
    ("variants", "form", "paging"),
    [
        ({}, "absolute, with http", "a token"),
        ({"link_form": "absolute-public", "paging": "offset"}, "absolute, with https", "an offset"),
        ({"link_form": "root-relative", "paging": "page"}, "relative to the host", "a page number"),
        ({"link_form": "query-only"}, "queries only", "a token"),
    ],
)
def test_link_form_and_paging_are_noted(
    emulator: RunningEmulator, variants: dict[str, str], form: str, paging: str
) -> None:
    set_variants(emulator, variants)
    found = server_notes(probe_emulator(emulator, BRISBANE, 7).evidence)
    assert f"links are {form}" in found
    assert f"the next page is found by {paging}" in found
    assert "the CapabilityStatement promises no conditional requests" in found
    assert SIZE_NOTE in found


def test_no_response_gives_no_note() -> None:
    assert notes_of(evidence_with()) == []


def test_include_and_largest_count_are_noted() -> None:
    include = ("_include", "Appointment:patient")
    assert included(include, ("_count", "100000")) == [
        "link[self] repeats _include",
        "_count: link[self] shows no maximum",
    ]
    assert included(("_id", "1"), ("_count", "1000")) == [
        "link[self] LOSES _include",
        "_count: at most 1000",
    ]
    assert included(include, ("_count", "many")) == ["link[self] repeats _include"]
    assert included() == []
    assert included(is_refused=True) == ["_include, or _count=100000: refused"]


def test_versions_are_noted() -> None:
    patient = {"resourceType": "Patient", "meta": {"versionId": "3"}}
    read = ProbeResponse(ProbeRequest("Patient/1"), (patient,), has_etag=True)
    assert notes("read", read) == ["ETag: reads have one, searches have none; meta.versionId: present"]
    assert notes("read", ProbeResponse(ProbeRequest("Patient/1"), is_refused=True)) == []


def test_promised_conditional_requests_are_noted() -> None:
    resource = {"type": "Patient", "conditionalCreate": True, "conditionalDelete": "not-supported"}
    statement = {"resourceType": "CapabilityStatement", "rest": [{"resource": [resource]}]}
    response = ProbeResponse(ProbeRequest("metadata"), (statement,))
    assert notes("metadata", response) == ["the CapabilityStatement promises conditionalCreate"]


def test_notes_contain_no_value_of_a_link() -> None:
    links: Pairs = (("next", "https://upstream.example/Patient?family=Zzyzx&zzyzx=Zzyzx"),)
    response = ProbeResponse(ProbeRequest("Patient", (("family", "Zzyzx"),)), links=links)
    assert "zzyzx" not in " ".join(notes("Patient.sample", response)).lower()
