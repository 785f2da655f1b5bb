"""Builds OperationOutcome resources as data: the one place that does."""

from typing import Any

import msgspec

from gateway.errors.failure import Failure, Issue

#: Canonical URL of our CodeSystem of failure codes, published at `CodeSystem/gateway-error`.
CODE_SYSTEM = "https://halo-gateway.example/fhir/CodeSystem/gateway-error"
MESSAGES = "http://terminology.hl7.org/CodeSystem/operation-outcome"

MEDIA_TYPE = "application/fhir+json; charset=utf-8"


def outcome(failure: Failure) -> dict[str, Any]:
    """The OperationOutcome of a failure (R4 operationoutcome.html): most specific code, own issue first."""
    issue = _issue(failure, Issue(failure.issue, failure.text, failure.expression))
    if failure.diagnostics:
        issue["diagnostics"] = failure.diagnostics
    further = [_issue(failure, each) for each in failure.further]
    return {"resourceType": "OperationOutcome", "issue": [issue, *further]}


def information(text: str, *, severity: str = "information", code: str = "informational") -> dict[str, Any]:
    """An OperationOutcome that is not a failure: an explanation or a warning."""
    issue = {"severity": severity, "code": code, "details": {"text": text}}
    return {"resourceType": "OperationOutcome", "issue": [issue]}


def encoded(resource: dict[str, Any]) -> bytes:
    """The resource as UTF-8 JSON."""
    return msgspec.json.encode(resource)


def _issue(failure: Failure, what: Issue) -> dict[str, Any]:
    issue = {
        "severity": failure.kind.severity,
        "code": what.code,
        "details": {"coding": _codings(failure), "text": what.text},
    }
    return issue | ({"expression": [what.expression]} if what.expression else {})


def _codings(failure: Failure) -> list[dict[str, str]]:
    ours = [{"system": CODE_SYSTEM, "code": failure.kind.code}]
    if failure.kind.message:
        ours.append({"system": MESSAGES, "code": failure.kind.message})
    return ours + [{"system": system, "code": code} for system, code in failure.codings]
