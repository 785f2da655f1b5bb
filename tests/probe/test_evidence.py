import msgspec
import pytest

from gateway.errors.failure import Failure
from gateway.exchange import FhirResponse
from gateway.probe.evidence import UNREADABLE_ERRORS, ProbeRequest, parse_response, refused_response
from gateway.upstreams import failures

ASKED = ProbeRequest("Patient", (("_id", "1"),), "1")


def _response(body: object) -> FhirResponse:
    return FhirResponse(200, (), msgspec.json.encode(body))


def test_matches_warnings_and_self_are_taken_from_a_searchset() -> None:
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
    found = parse_response(ASKED, _response(bundle))
    assert (found.verdict, found.has_warning, found.self_link_parameters) == (
        "yes",
        True,
        (("_id", "1"), ("a", "b,c")),
    )


def test_another_resource_stands_for_itself() -> None:
    assert (
        parse_response(ProbeRequest("metadata"), _response({"resourceType": "CapabilityStatement"})).verdict
        == "yes"
    )


@pytest.mark.parametrize(
    "body", [[], 1, {"resourceType": "Bundle", "entry": [1]}, {"resourceType": "Bundle", "link": 1}]
)
def test_what_is_no_fhir_raises(body: object) -> None:
    with pytest.raises(UNREADABLE_ERRORS):
        parse_response(ASKED, _response(body))


def test_only_a_refusal_answers_a_question() -> None:
    found = refused_response(ASKED, Failure(failures.BAD_REQUEST))
    assert found
    assert found.verdict == "refused"
    assert refused_response(ASKED, Failure(failures.CREDENTIALS_INVALID)) is None
