"""Responses that may be stored, and the header fields that are removed."""

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
    ("path", "kind", "expected"),
    [
        ("Patient/1", NOT_FOUND, True),
        ("Patient", NOT_FOUND, False),
        ("Patient/1", SITE_UNKNOWN, False),
        ("Patient/1", UPSTREAM_TIMEOUT, False),
    ],
)
def test_only_missing_single_resource_is_not_found(path: str, kind: FailureKind, *, expected: bool) -> None:
    assert is_not_found(fhir_request(path), Failure(kind)) is expected


def searchset(severity: str = "") -> FhirResponse:
    outcome = {"resourceType": "OperationOutcome", "issue": [{"severity": severity}]}
    entries = [{"resource": outcome, "search": {"mode": "outcome"}}] if severity else []
    return json_response({"resourceType": "Bundle", "type": "searchset", "entry": entries})


@pytest.mark.parametrize(
    ("path", "response", "expected"),
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
def test_only_complete_requested_resource_is_storable(
    path: str, response: FhirResponse, *, expected: bool
) -> None:
    assert is_storable(fhir_request(path), response) is expected


def test_headers_of_cache_and_single_request_are_removed() -> None:
    names = ("etag", "cache-control", "age", "x-correlation-id", "x-hg-request-id", "ratelimit")
    response = FhirResponse(200, tuple((name, "1") for name in names))
    assert [name for name, _ in without_exchange_headers(response).headers] == ["etag"]
    assert [name for name, _ in without_cache_headers(response).headers] == [
        "etag",
        "x-correlation-id",
        "x-hg-request-id",
        "ratelimit",
    ]
    assert [name for name, _ in without_headers(response, frozenset(names[1:])).headers] == ["etag"]
