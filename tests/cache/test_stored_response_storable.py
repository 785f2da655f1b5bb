import pytest
from support.requests import fhir_request, json_response

from gateway.cache.stored_response import (
    is_not_found,
    is_storable,
    without_cache_headers,
    without_exchange_headers,
    without_headers,
)
from gateway.errors.catalog import UPSTREAM_TIMEOUT
from gateway.errors.failure import Failure, FailureKind
from gateway.exchange import FhirResponse
from gateway.upstreams.failures import NOT_FOUND
from gateway.upstreams.halo_failures import SITE_UNKNOWN


@pytest.mark.parametrize(
    ("path", "kind", "missing"),
    [
        ("Patient/1", NOT_FOUND, True),
        ("Patient", NOT_FOUND, False),
        ("Patient/1", SITE_UNKNOWN, False),
        ("Patient/1", UPSTREAM_TIMEOUT, False),
    ],
)
def test_what_means_that_the_resource_is_not_there(path: str, kind: FailureKind, *, missing: bool) -> None:
    assert is_not_found(fhir_request(path), Failure(kind)) is missing


def searchset(severity: str = "") -> FhirResponse:
    outcome = {"resourceType": "OperationOutcome", "issue": [{"severity": severity}]}
    entries = [{"resource": outcome, "search": {"mode": "outcome"}}] if severity else []
    return json_response({"resourceType": "Bundle", "type": "searchset", "entry": entries})


@pytest.mark.parametrize(
    ("path", "answer", "expected"),
    [
        ("Patient", searchset(), True),
        ("Patient", searchset().with_parsed_bundle(), True),
        ("Patient", searchset("information"), True),
        ("Patient", searchset("warning"), False),
        ("Patient", json_response({"resourceType": "Patient"}), False),
        ("Patient/1", json_response({"resourceType": "Patient"}), True),
        ("Patient/1", json_response({"resourceType": "Patient"}, 206), False),
        ("Patient/1", json_response({"resourceType": "OperationOutcome"}), False),
        ("Patient/1", FhirResponse(200, (), b"<html>"), False),
        ("metadata", json_response({"resourceType": "CapabilityStatement"}), True),
    ],
)
def test_what_is_whole_and_what_was_asked_for(path: str, answer: FhirResponse, *, expected: bool) -> None:
    assert is_storable(fhir_request(path), answer) is expected


def test_fields_of_one_exchange_and_of_caching_do_not_last() -> None:
    names = ("etag", "cache-control", "age", "x-correlation-id", "ratelimit")
    answer = FhirResponse(200, tuple((name, "1") for name in names))
    assert [name for name, _ in without_exchange_headers(answer).headers] == ["etag"]
    assert [name for name, _ in without_cache_headers(answer).headers] == [
        "etag",
        "x-correlation-id",
        "ratelimit",
    ]
    assert [name for name, _ in without_headers(answer, frozenset(names[1:])).headers] == ["etag"]
