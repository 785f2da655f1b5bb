"""Requests, upstream responses and error bodies for the tests of the dialects."""

from datetime import UTC, datetime
from typing import Any

import msgspec
from fhir.resources.R4B.operationoutcome import OperationOutcome

from gateway.errors.failure import Failure
from gateway.errors.operation_outcome import operation_outcome
from gateway.exchange import FhirRequest, FhirResponse, Headers
from gateway.fhir.interaction import NOT_FHIR, Interaction, interaction_for
from gateway.upstreams import DIALECTS

NOW = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
KEY = (("ocp-apim-subscription-key", "planted-key"), ("authorization", "Bearer planted-jot"))

#: The 31 codes of the R4 issue-type value set (valueset-issue-type.html), a required binding.
ISSUE_TYPES = frozenset(
    {
        *("invalid", "structure", "required", "value", "invariant"),
        *("security", "login", "unknown", "expired", "forbidden", "suppressed"),
        *("processing", "not-supported", "duplicate", "multiple-matches", "not-found", "deleted", "too-long"),
        *("code-invalid", "extension", "too-costly", "business-rule", "conflict"),
        *("transient", "lock-error", "no-store", "exception", "timeout", "incomplete", "throttled"),
        "informational",
    }
)


#: Interaction of the default request.
SEARCH = Interaction("search-type", "Patient")


def request(line: str = "GET Patient", headers: Headers = KEY) -> FhirRequest:
    method, _, path = line.partition(" ")
    interaction = interaction_for(method, path) or NOT_FHIR
    return FhirRequest(
        method, interaction, path, "http://gw", "http://up", headers=headers, request_id="req-0001"
    )


def response(status: int, body: Any = b"", *headers: tuple[str, str]) -> FhirResponse:
    encoded = body if isinstance(body, bytes) else msgspec.json.encode(body)
    return FhirResponse(status, headers or (("content-type", "application/json"),), encoded)


def failure(
    dialect: str, status: int, body: Any = b"", *headers: tuple[str, str], line: str = "GET Patient"
) -> Failure | None:
    return DIALECTS[dialect].failure_from_response(request(line), response(status, body, *headers), now=NOW)


def require_failure(
    dialect: str, status: int, body: Any = b"", *headers: tuple[str, str], line: str = "GET Patient"
) -> Failure:
    """The failure of a response; it must be one, and valid."""
    result = failure(dialect, status, body, *headers, line=line)
    assert result is not None
    assert_valid(result)
    return result


def failure_of_own_key(dialect: str, status: int, body: Any) -> Failure:
    """The failure of a request without credentials: the upstream refused the gateway's own."""
    result = DIALECTS[dialect].failure_from_response(request(headers=()), response(status, body), now=NOW)
    assert result is not None
    assert_valid(result)
    return result


def assert_valid(failure: Failure) -> None:
    """Assert a valid outcome, an issue type of R4, an HTTP error status, and at most 16 kB."""
    resource = operation_outcome(failure)
    OperationOutcome.model_validate(resource)
    assert resource["issue"][0]["code"] in ISSUE_TYPES
    assert resource["issue"][0]["details"]["text"]
    assert 400 <= failure.kind.status <= 599
    assert len(msgspec.json.encode(resource)) <= 16_384
    assert failure.retry_after is None or failure.retry_after >= 1


def details(error_type: str, code: int, message: str) -> dict[str, Any]:
    return {"errorDetails": {"errorType": error_type, "errorCode": code, "errorMessage": message}}


def envelope(status: int, message: str) -> dict[str, Any]:
    return {"error": {"status": status, "statusText": "Some Words", "message": message}}


def apim(status: int, message: str) -> dict[str, Any]:
    return {"statusCode": status, "message": message}


def firely(text: str, code: str = "exception") -> dict[str, Any]:
    coding = {"system": "http://hl7.org/fhir/dotnet-api-operation-outcome", "code": "5003"}
    issue = {"severity": "fatal", "code": code, "details": {"coding": [coding], "text": text}}
    return {"resourceType": "OperationOutcome", "issue": [issue]}


def gorilla(text: str, code: str = "processing") -> dict[str, Any]:
    issue = {"severity": "error", "code": code, "diagnostics": text}
    return {"resourceType": "OperationOutcome", "issue": [issue]}
