"""Builds OperationOutcome resources as data: the one place that does."""

from typing import Any

import msgspec

from gateway.core.failure import Failure

#: Canonical URL of our CodeSystem of failure codes, published at `CodeSystem/gateway-error`.
CODE_SYSTEM = "https://halo-gateway.example/fhir/CodeSystem/gateway-error"
MESSAGES = "http://terminology.hl7.org/CodeSystem/operation-outcome"

MEDIA_TYPE = "application/fhir+json; charset=utf-8"


def outcome(failure: Failure) -> dict[str, Any]:
    """The OperationOutcome of a failure (R4 operationoutcome.html): one issue, most specific code."""
    kind = failure.kind
    issue: dict[str, Any] = {
        "severity": kind.severity,
        "code": failure.issue,
        "details": {"coding": _codings(failure), "text": failure.text},
    }
    if failure.diagnostics:
        issue["diagnostics"] = failure.diagnostics
    if failure.expression:
        issue["expression"] = [failure.expression]
    return {"resourceType": "OperationOutcome", "issue": [issue]}


def information(text: str, *, severity: str = "information", code: str = "informational") -> dict[str, Any]:
    """An OperationOutcome that is not a failure: an explanation or a warning."""
    issue = {"severity": severity, "code": code, "details": {"text": text}}
    return {"resourceType": "OperationOutcome", "issue": [issue]}


def encoded(resource: dict[str, Any]) -> bytes:
    """The resource as UTF-8 JSON."""
    return msgspec.json.encode(resource)


def _codings(failure: Failure) -> list[dict[str, str]]:
    ours = [{"system": CODE_SYSTEM, "code": failure.kind.code}]
    if failure.kind.message:
        ours.append({"system": MESSAGES, "code": failure.kind.message})
    return ours + [{"system": system, "code": code} for system, code in failure.codings]
