"""OperationOutcome resources, built as data here only."""

from typing import Any

import msgspec

from gateway.errors.failure import Failure, Issue

#: Canonical URL of the gateway's CodeSystem of failure codes, published at `CodeSystem/gateway-error`.
ERROR_CODE_SYSTEM = "https://halo-gateway.example/fhir/CodeSystem/gateway-error"
MESSAGE_CODE_SYSTEM = "http://terminology.hl7.org/CodeSystem/operation-outcome"

MEDIA_TYPE = "application/fhir+json; charset=utf-8"


def operation_outcome(failure: Failure) -> dict[str, Any]:
    """Return the OperationOutcome of a failure, its own issue first (R4 operationoutcome.html)."""
    issue = _issue_fields(failure, Issue(failure.issue, failure.text, failure.expression))
    if failure.diagnostics:
        issue["diagnostics"] = failure.diagnostics
    more_issues = [_issue_fields(failure, more_issue) for more_issue in failure.more_issues]
    return {"resourceType": "OperationOutcome", "issue": [issue, *more_issues]}


def information_outcome(
    text: str, *, severity: str = "information", code: str = "informational"
) -> dict[str, Any]:
    """Return an OperationOutcome that explains or warns, without a failure."""
    issue = {"severity": severity, "code": code, "details": {"text": text}}
    return {"resourceType": "OperationOutcome", "issue": [issue]}


def encode_resource(resource: dict[str, Any]) -> bytes:
    """Encode a resource as UTF-8 JSON."""
    return msgspec.json.encode(resource)


def _issue_fields(failure: Failure, issue: Issue) -> dict[str, Any]:
    fields = {
        "severity": failure.kind.severity,
        "code": issue.code,
        "details": {"coding": _issue_codings(failure), "text": issue.text},
    }
    return fields | ({"expression": [issue.expression]} if issue.expression else {})


def _issue_codings(failure: Failure) -> list[dict[str, str]]:
    codings = [{"system": ERROR_CODE_SYSTEM, "code": failure.kind.code}]
    if failure.kind.message_code:
        codings.append({"system": MESSAGE_CODE_SYSTEM, "code": failure.kind.message_code})
    return codings + [{"system": system, "code": code} for system, code in failure.codings]
