"""Builds OperationOutcome resources as data: the one place that does."""

from typing import Any

import msgspec

from gateway.errors.failure import Failure, Issue

#: Canonical URL of our CodeSystem of failure codes, published at `CodeSystem/gateway-error`.
ERROR_CODE_SYSTEM = "https://halo-gateway.example/fhir/CodeSystem/gateway-error"
MESSAGE_CODE_SYSTEM = "http://terminology.hl7.org/CodeSystem/operation-outcome"

MEDIA_TYPE = "application/fhir+json; charset=utf-8"


def operation_outcome(failure: Failure) -> dict[str, Any]:
    """The OperationOutcome of a failure (R4 operationoutcome.html): most specific code, own issue first."""
    issue = _issue_fields(failure, Issue(failure.issue, failure.text, failure.expression))
    if failure.diagnostics:
        issue["diagnostics"] = failure.diagnostics
    further = [_issue_fields(failure, each) for each in failure.more_issues]
    return {"resourceType": "OperationOutcome", "issue": [issue, *further]}


def information_outcome(
    text: str, *, severity: str = "information", code: str = "informational"
) -> dict[str, Any]:
    """An OperationOutcome that is not a failure: an explanation or a warning."""
    issue = {"severity": severity, "code": code, "details": {"text": text}}
    return {"resourceType": "OperationOutcome", "issue": [issue]}


def encode_resource(resource: dict[str, Any]) -> bytes:
    """The resource as UTF-8 JSON."""
    return msgspec.json.encode(resource)


def _issue_fields(failure: Failure, problem: Issue) -> dict[str, Any]:
    issue = {
        "severity": failure.kind.severity,
        "code": problem.code,
        "details": {"coding": _issue_codings(failure), "text": problem.text},
    }
    return issue | ({"expression": [problem.expression]} if problem.expression else {})


def _issue_codings(failure: Failure) -> list[dict[str, str]]:
    ours = [{"system": ERROR_CODE_SYSTEM, "code": failure.kind.code}]
    if failure.kind.message_code:
        ours.append({"system": MESSAGE_CODE_SYSTEM, "code": failure.kind.message_code})
    return ours + [{"system": system, "code": code} for system, code in failure.codings]
