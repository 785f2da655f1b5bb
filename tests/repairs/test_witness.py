"""Observations of an answer: what is parsed, what is not, and the worst verdict by facet."""

from collections.abc import Iterator
from typing import Any

from support.requests import fhir_request, json_response

from gateway.exchange import FhirRequest, FhirResponse
from gateway.fhir.raw_json import object_fields
from gateway.repairs.witness import MAX_BODY_BYTES, UpstreamAnswer, observations
from gateway.sites.issue_states import Observation, Verdict

REQUEST = fhir_request("Patient")


def patients(count: int, size: int = 1) -> dict[str, Any]:
    resources = ({"resourceType": "Patient", "id": str(n), "x": "x" * size} for n in range(count))
    return {
        "resourceType": "Bundle",
        "type": "searchset",
        "entry": [{"resource": each} for each in resources],
    }


def ids_of_samples(_: FhirRequest, answer: UpstreamAnswer) -> Iterator[tuple[str, Verdict]]:
    for entry in answer.samples:
        if entry.resource is not None:
            yield bytes(object_fields(entry.resource)["id"]).decode().strip('"'), "right"


def facets(response: FhirResponse) -> list[str]:
    return [each.facet for each in observations(REQUEST, response, [("ids", ids_of_samples)])]


def test_witness_gets_the_first_and_the_last_entry() -> None:
    assert facets(json_response(patients(5))) == ["0", "4"]
    assert facets(json_response(patients(1))) == ["0"]
    assert facets(json_response(patients(0))) == []


def test_witness_gets_a_resource_alone() -> None:
    assert facets(json_response({"resourceType": "Patient", "id": "7"})) == ["7"]


def test_large_body_and_other_content_are_not_decoded() -> None:
    assert facets(json_response(patients(1, MAX_BODY_BYTES))) == []
    assert facets(FhirResponse(200, (("content-type", "application/pdf"),), b"%PDF")) == []


def test_unreadable_body_gives_no_observation() -> None:
    assert facets(FhirResponse(200, (), b'{"resourceType":"Patient","id":1')) == []
    assert facets(FhirResponse(200, (), b'{"resourceType":"Bundle","entry":7}')) == []


def test_one_broken_part_makes_a_facet_broken() -> None:
    def contradict(_: FhirRequest, __: UpstreamAnswer) -> Iterator[tuple[str, Verdict]]:
        yield from (("", "right"), ("", "broken"), ("", "right"))

    found = observations(REQUEST, json_response(patients(0)), [("links", contradict)])
    assert found == (Observation("links", "", "broken"),)
