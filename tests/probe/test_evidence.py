"""Responses of a probe."""

import msgspec
import pytest

from gateway.errors.failure import Failure
from gateway.exchange import FhirResponse
from gateway.probe.evidence import UNREADABLE_ERRORS, ProbeRequest, parse_response, refused_response
from gateway.upstreams import failures

REQUEST = ProbeRequest("Patient", (("_id", "1"),), "1")


def _response(body: object) -> FhirResponse:
    return FhirResponse(200, (), msgspec.json.encode(body))


def test_searchset_gives_matches_warning_and_self_link() -> None:
    bundle = {
        "resourceType": "Bundle",
        "link": [
            {"relation": "next", "url": "?x"},
            {"relation": "self", "url": "http://u/Patient?_id=1&a=b%2Cc"},
        ],
        "entry": [
            {"resource": {"resourceType": "Patient", "id": "1"}},
            {"resource": {"resourceType": "Practitioner", "id": "2"}},
            {"resource": {"resourceType": "OperationOutcome"}},
            {"fullUrl": "urn:x"},
        ],
    }
    response = parse_response(REQUEST, _response(bundle))
    assert (response.verdict, response.has_warning) == ("yes", True)
    assert response.self_link_parameters == (("_id", "1"), ("a", "b,c"))


def test_other_resource_is_the_only_match() -> None:
    response = _response({"resourceType": "CapabilityStatement"})
    assert parse_response(ProbeRequest("metadata"), response).verdict == "yes"


@pytest.mark.parametrize(
    "body", [[], 1, {"resourceType": "Bundle", "entry": [1]}, {"resourceType": "Bundle", "link": 1}]
)
def test_invalid_fhir_raises(body: object) -> None:
    with pytest.raises(UNREADABLE_ERRORS):
        parse_response(REQUEST, _response(body))


def test_only_a_refusal_is_a_response() -> None:
    response = refused_response(REQUEST, Failure(failures.BAD_REQUEST))
    assert response
    assert response.verdict == "refused"
    assert refused_response(REQUEST, Failure(failures.CREDENTIALS_INVALID)) is None
