"""What an upstream says of a search it carried out: warnings reach the client, errors fail the search."""

from typing import Any

import pytest
from conftest import KEY
from end_to_end.failing import BASE, Failing, code, outcome
from fhir.resources.R4B.bundle import Bundle
from support.dialects import firely

PATIENT = {"resourceType": "Patient", "id": "1"}


def searchset(failing: Failing, said: dict[str, Any]) -> dict[str, Any]:
    base = failing.pair.emulator.url + BASE
    entries = [
        {"fullUrl": f"{base}/Patient/1", "resource": PATIENT, "search": {"mode": "match"}},
        {"resource": said, "search": {"mode": "outcome"}},
    ]
    links = [{"relation": "self", "url": f"{base}/Patient"}]
    return {"resourceType": "Bundle", "type": "searchset", "total": 1, "link": links, "entry": entries}


def said(severity: str, text: str) -> dict[str, Any]:
    found = firely(text)
    found["issue"][0]["severity"] = severity
    return found


def outcomes(bundle: dict[str, Any]) -> list[dict[str, Any]]:
    return [each["resource"] for each in bundle["entry"] if each.get("search", {}).get("mode") == "outcome"]


@pytest.mark.parametrize("severity", ["warning", "information", "error", "fatal"])
def test_an_argument_that_was_not_supported_reaches_the_client_as_a_warning(
    failing: Failing, severity: str
) -> None:
    body = searchset(failing, said(severity, "Argument is not supported"))
    failing.pair.fault(kind="answer", status=200, body=body)
    response = failing.ask("GET", f"{BASE}/Patient?name=A")
    assert response.status_code == 200, response.text
    Bundle.model_validate_json(response.text)
    severities = [issue["severity"] for each in outcomes(response.json()) for issue in each["issue"]]
    assert severities == ["information" if severity == "information" else "warning"]


def test_the_emulators_own_warning_reaches_the_client(failing: Failing) -> None:
    response = failing.ask("GET", f"{BASE}/Patient?colour=red&_count=1")
    assert response.status_code == 200
    assert "colour" in str(outcomes(response.json()))


@pytest.mark.parametrize("severity", ["error", "fatal"])
def test_any_other_error_among_the_entries_fails_the_search(failing: Failing, severity: str) -> None:
    body = searchset(failing, said(severity, "Some records could not be read"))
    failing.pair.fault(kind="answer", status=200, body=body)
    issue = outcome(failing.ask("GET", f"{BASE}/Patient?name=A"), 502)
    assert code(issue) == "upstream-error-in-200"
    assert "records could not be read" in issue["diagnostics"]


def test_strict_handling_makes_an_ignored_argument_a_bad_request(failing: Failing) -> None:
    body = searchset(failing, said("fatal", "Argument is not supported"))
    failing.pair.fault(kind="answer", status=200, body=body)
    response = failing.ask("GET", f"{BASE}/Patient?name=A", headers=KEY | {"prefer": "handling=strict"})
    assert code(outcome(response, 400)) == "upstream-parameter"


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
def test_a_200_that_is_not_what_was_asked_for_is_a_bad_gateway(failing: Failing, body: object) -> None:
    failing.pair.fault(kind="answer", status=200, body=body)
    outcome(failing.ask("GET", f"{BASE}/Patient"), 502)


def test_an_error_beside_an_empty_bundle_is_not_shown_as_an_empty_bundle(failing: Failing) -> None:
    body = {"resourceType": "Bundle", "type": "searchset", "total": 0}
    failing.pair.fault(kind="answer", status=200, body=body | {"errorCode": 9, "errorMessage": "Gone wrong"})
    assert code(outcome(failing.ask("GET", f"{BASE}/Patient?name=A"), 502)) == "practice-query-failed"
