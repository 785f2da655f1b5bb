"""OperationOutcome entries of a searchset: warnings reach the client, errors fail the search."""

from typing import Any

import pytest
from conftest import KEY
from end_to_end.failing_gateway import BASE, FailingGateway, checked_issue, error_code
from fhir.resources.R4B.bundle import Bundle
from support.dialects import firely

PATIENT = {"resourceType": "Patient", "id": "1"}


def searchset(gateway: FailingGateway, upstream_outcome: dict[str, Any]) -> dict[str, Any]:
    base = gateway.pair.emulator.url + BASE
    entries = [
        {"fullUrl": f"{base}/Patient/1", "resource": PATIENT, "search": {"mode": "match"}},
        {"resource": upstream_outcome, "search": {"mode": "outcome"}},
    ]
    links = [{"relation": "self", "url": f"{base}/Patient"}]
    return {"resourceType": "Bundle", "type": "searchset", "total": 1, "link": links, "entry": entries}


def upstream_outcome(severity: str, text: str) -> dict[str, Any]:
    result = firely(text)
    result["issue"][0]["severity"] = severity
    return result


def outcome_entries(bundle: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        entry["resource"] for entry in bundle["entry"] if entry.get("search", {}).get("mode") == "outcome"
    ]


@pytest.mark.parametrize("severity", ["warning", "information", "error", "fatal"])
def test_unsupported_argument_reaches_the_client_as_warning(gateway: FailingGateway, severity: str) -> None:
    body = searchset(gateway, upstream_outcome(severity, "Argument is not supported"))
    gateway.pair.fault(kind="answer", status=200, body=body)
    response = gateway.ask("GET", f"{BASE}/Patient?name=A")
    assert response.status_code == 200, response.text
    Bundle.model_validate_json(response.text)
    severities = [
        issue["severity"] for resource in outcome_entries(response.json()) for issue in resource["issue"]
    ]
    assert severities == ["information" if severity == "information" else "warning"]


def test_warning_of_the_emulator_reaches_the_client(gateway: FailingGateway) -> None:
    response = gateway.ask("GET", f"{BASE}/Patient?colour=red&_count=1")
    assert response.status_code == 200
    assert "colour" in str(outcome_entries(response.json()))


@pytest.mark.parametrize("severity", ["error", "fatal"])
def test_other_error_entry_fails_the_search(gateway: FailingGateway, severity: str) -> None:
    body = searchset(gateway, upstream_outcome(severity, "Some records could not be read"))
    gateway.pair.fault(kind="answer", status=200, body=body)
    issue = checked_issue(gateway.ask("GET", f"{BASE}/Patient?name=A"), 502)
    assert error_code(issue) == "upstream-error-in-200"
    assert "records could not be read" in issue["diagnostics"]


def test_strict_handling_rejects_an_ignored_argument(gateway: FailingGateway) -> None:
    body = searchset(gateway, upstream_outcome("fatal", "Argument is not supported"))
    gateway.pair.fault(kind="answer", status=200, body=body)
    response = gateway.ask("GET", f"{BASE}/Patient?name=A", headers=KEY | {"prefer": "handling=strict"})
    assert error_code(checked_issue(response, 400)) == "upstream-parameter"


@pytest.mark.parametrize(
    "body",
    [
        PATIENT,
        {"resourceType": "Bundle", "total": 0},
        {"resourceType": "Bundle", "type": "history", "total": 0},
        {"resourceType": "OperationOutcome", "issue": [{"severity": "information", "code": "informational"}]},
        '{"resourceType":"Bundle","type":"searchset","entry":[{"resou',
        "<html>Sign in</html>",
        "",
        [],
    ],
)
def test_unexpected_200_body_is_a_bad_gateway(gateway: FailingGateway, body: object) -> None:
    gateway.pair.fault(kind="answer", status=200, body=body)
    checked_issue(gateway.ask("GET", f"{BASE}/Patient"), 502)


def test_error_beside_an_empty_bundle_fails_the_search(gateway: FailingGateway) -> None:
    body = {"resourceType": "Bundle", "type": "searchset", "total": 0}
    gateway.pair.fault(kind="answer", status=200, body=body | {"errorCode": 9, "errorMessage": "Gone wrong"})
    assert (
        error_code(checked_issue(gateway.ask("GET", f"{BASE}/Patient?name=A"), 502))
        == "practice-query-failed"
    )
