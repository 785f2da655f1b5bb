"""Search parameters that the upstream shows it did not use."""

from typing import Any

import pytest
from end_to_end.failing_gateway import FailingGateway, checked_issue, error_code
from end_to_end.test_entries_pages import answer, ask, bundle, entry, follow_next

STRICT = "handling=strict"
OBSERVATION = entry("Observation", "1", "match", subject={"reference": "Patient/1"})


def warnings(body: dict[str, Any]) -> str:
    outcomes = [item["resource"] for item in body["entry"] if item.get("search", {}).get("mode") == "outcome"]
    return " ".join(issue["details"]["text"] for outcome in outcomes for issue in outcome["issue"])


def self_query(body: dict[str, Any]) -> str:
    url = next(link["url"] for link in body["link"] if link["relation"] == "self")
    return str(url.partition("?")[2])


@pytest.mark.parametrize(
    "query", ["Observation?category=x&code=zzyzx", "Observation?category=x&code:not=zzyzx"]
)
def test_lenient_client_is_warned(gateway: FailingGateway, query: str) -> None:
    answer(gateway, bundle(OBSERVATION, self="/Observation?category=x"))
    body = ask(gateway, query).json()
    assert query.partition("&")[2].partition("=")[0] in warnings(body)
    assert "zzyzx" not in warnings(body)
    assert self_query(body) == "category=x"


def test_strict_client_is_refused(gateway: FailingGateway) -> None:
    answer(gateway, bundle(OBSERVATION, self="/Observation?category=x"))
    issue = checked_issue(ask(gateway, "Observation?category=x&code=zzyzx", prefer=STRICT), 400)
    assert (error_code(issue), issue["expression"]) == ("upstream-ignored-parameter", ["http.code"])


@pytest.mark.parametrize("name", ["patient", "subject", "_id", "identifier", "performer", "patient.family"])
@pytest.mark.parametrize("stated_by", ["self", "warning"])
def test_lost_patient_is_always_refused(gateway: FailingGateway, name: str, stated_by: str) -> None:
    outcome = {
        "resource": {
            "resourceType": "OperationOutcome",
            "issue": [
                {
                    "severity": "warning",
                    "code": "not-supported",
                    "details": {"text": f"Argument not supported: {name.partition('.')[0]}"},
                }
            ],
        },
        "search": {"mode": "outcome"},
    }
    body = bundle(self="/Observation?code=x") if stated_by == "self" else bundle(outcome)
    answer(gateway, body)
    issue = checked_issue(ask(gateway, f"Observation?code=x&{name}=1"), 400)
    assert (error_code(issue), issue["expression"]) == ("upstream-ignored-parameter", [f"http.{name}"])


@pytest.mark.parametrize(
    "self_link", ["/Observation", "/Observation?patient=Patient%2F1&code=X", "/Observation?_token=abc"]
)
def test_other_spelling_proves_nothing(gateway: FailingGateway, self_link: str) -> None:
    answer(gateway, bundle(OBSERVATION, self=self_link))
    response = ask(gateway, "Observation?code=x&patient=1", prefer=STRICT)
    assert response.status_code == 200, response.text
    assert not warnings(response.json())


def test_later_page_is_judged_as_well(gateway: FailingGateway) -> None:
    first = bundle(
        OBSERVATION, self="/Observation?code=x&patient=1", next="/Observation?code=x&patient=1&_offset=1"
    )
    answer(gateway, first, bundle(OBSERVATION, self="/Observation?code=x&_offset=1"))
    response = follow_next(gateway, ask(gateway, "Observation?code=x&patient=1"))
    assert error_code(checked_issue(response, 400)) == "upstream-ignored-parameter"


def test_lost_order_is_told(gateway: FailingGateway) -> None:
    answer(gateway, bundle(OBSERVATION, self="/Observation?category=x"))
    assert "_sort" in warnings(ask(gateway, "Observation?category=x&_sort=-date").json())


def test_ignored_parameter_of_the_emulator_is_named(gateway: FailingGateway) -> None:
    body = ask(gateway, "Patient?colour=red&name=a&_count=1").json()
    assert "colour" in warnings(body)
    assert self_query(body) == "name=a&_count=1"
    assert checked_issue(ask(gateway, "Patient?colour=red&name=a", prefer=STRICT), 400)
