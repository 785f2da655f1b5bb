import json

import pytest
from msgspec import Raw
from support.requests import fhir_request, json_response

from gateway.exchange import FhirRequest, FhirResponse
from gateway.fhir.bundle import Entry
from gateway.fhir.raw_json import UnreadableError
from gateway.repairs import REPAIRS
from gateway.repairs.apply import repair_response, response_steps
from gateway.repairs.repair import EntryChange, EntryFacet, KnownIssue, Repair, unchanged_entry


@pytest.mark.parametrize(
    ("media_type", "body"),
    [
        ("application/pdf", b"%PDF \xff"),
        ("application/fhir+ndjson", b'{"resourceType":"Patient"}\n{"resourceType":"Patient"}\n'),
        ("application/x-NDJSON", b"{}\n{}"),
    ],
)
def test_body_with_own_media_type_is_unchanged(media_type: str, body: bytes) -> None:
    response = FhirResponse(200, (("content-type", media_type),), body)
    steps = repair_response(fhir_request("Binary/1"), response, response_steps(REPAIRS))
    with pytest.raises(StopIteration) as end:
        next(steps)
    assert end.value.value == response


def test_repair_of_headers_does_not_undo_that_of_the_body() -> None:
    """One repair that changes a header and an entry of the same response changes both."""
    base = "https://api.haloconnect.io/integrator/sites/0a1b2c3d-0000-4000-8000-00000000000a/fhir/R4"
    bundle = {
        "resourceType": "Bundle",
        "type": "searchset",
        "entry": [{"resource": {"resourceType": "Slot", "schedule": {"reference": f"{base}/Schedule/1"}}}],
    }
    response = json_response(bundle, content_location=f"{base}/Slot")
    steps = repair_response(fhir_request("Slot"), response, response_steps(REPAIRS))
    with pytest.raises(StopIteration) as end:
        [next(steps) for _ in range(100)]
    repaired: FhirResponse = end.value.value
    assert repaired.applied_repairs == ("reference-base-url",)
    assert b"api.haloconnect.io" not in repaired.with_encoded_body().body


@pytest.mark.parametrize(
    ("entry", "count", "pieces", "is_large"),
    [
        ({}, 10_000, 39, False),
        ({"resource": {"text": "x" * 1_000}}, 640, 10, False),
        ({"resource": {"text": "x" * 40_000}}, 10, 10, True),
        ({"fullUrl": "x" * 40_000}, 10, 10, True),
        ({"link": ["x" * 40_000]}, 10, 10, True),
    ],
)
def test_pieces_are_bounded_by_bytes_and_by_entries(
    entry: dict[str, object], count: int, pieces: int, *, is_large: bool
) -> None:
    bundle = {"resourceType": "Bundle", "type": "searchset", "entry": [entry] * count}
    steps = repair_response(fhir_request(), json_response(bundle), response_steps(REPAIRS))
    turns = list(steps)
    assert len(turns) >= pieces
    assert (True in turns) == is_large
    assert turns.count(True) == (count if is_large else 0)


@pytest.mark.parametrize("size", [10, 3_000])
def test_facet_is_prepared_once_per_response(size: int) -> None:
    """What it depends on besides the entry is the request; a large Bundle has several pieces."""
    prepared = []

    def change_for(request: FhirRequest) -> EntryChange:
        prepared.append(request.path)
        return lambda entry: entry if "search" in entry.fields else entry.with_field("search", Raw(b"{}"))

    repair = Repair(KnownIssue("x", "", ""), entry=EntryFacet(change_for))
    entries = [{"fullUrl": "urn:1"}, {"search": {}}] * 10 + [{"id": "x" * size}] * 20
    bundle = {"resourceType": "Bundle", "entry": entries}
    steps = repair_response(fhir_request("Slot"), json_response(bundle), response_steps([repair]))
    with pytest.raises(StopIteration) as end:
        [next(steps) for _ in range(100)]
    assert prepared == ["Slot"]
    repaired: FhirResponse = end.value.value
    expected = [entry if "search" in entry else {**entry, "search": {}} for entry in entries]
    assert json.loads(repaired.with_encoded_body().body)["entry"] == expected
    assert repaired.applied_repairs == ("x",)


def test_facet_without_anything_to_do_is_not_called() -> None:
    repair = Repair(KnownIssue("x", "", ""), entry=EntryFacet(lambda _: unchanged_entry))
    bundle = {"resourceType": "Bundle", "entry": [{"fullUrl": "urn:1"}]}
    response = json_response(bundle)
    steps = repair_response(fhir_request("Slot"), response, response_steps([repair]))
    with pytest.raises(StopIteration) as end:
        next(steps)
    assert end.value.value.body is response.body
    entry = Entry({})
    assert repair.entry is not None
    assert repair.entry(fhir_request("Slot"), entry) is entry


def test_checked_read_must_still_be_utf_8() -> None:
    request, body = fhir_request("Patient/p-1"), b'{"resourceType":"Patient","id":"p-1","x":"\xff"}'
    steps = repair_response(request, FhirResponse(200, body=body), response_steps(REPAIRS))
    with pytest.raises(UnreadableError):
        list(steps)


def test_read_of_another_type_is_decoded() -> None:
    request, body = fhir_request("Patient/p-1"), b'{"resourceType":"Bundle","resourceType":"Bundle"}'
    steps = repair_response(request, FhirResponse(200, body=body), response_steps(REPAIRS))
    with pytest.raises(UnreadableError):
        list(steps)
