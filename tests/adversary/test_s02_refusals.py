"""A refusal is its caller's (strangers.md S2): it closes no door for others, and stays what it was."""

from typing import Any

import pytest
from adversary.conftest import MAX_UPSTREAM_WAIT
from conftest import Pair
from end_to_end.failing_gateway import FailingGateway, error_code

from gateway.emulator.sites import SYDNEY

STRANGER = {"Ocp-Apim-Subscription-Key": "other-key"}
BASE = f"/integrator/sites/{SYDNEY}/fhir/R4"
NOT_AUTHORITATIVE = {"error": {"status": 403, "message": "The practice being queried is non-authoritative."}}
IP_BLOCKED = {"statusCode": 403, "message": "Caller IP address 203.0.113.9 is not allowed. Access denied."}
BAD_KEY = {"statusCode": 401, "message": "Access denied due to invalid subscription key."}


def refuse(pair: Pair, status: int, body: dict[str, Any], key: str = "other-key") -> None:
    pair.fault(kind="answer", status=status, body=body, key=key)


@pytest.mark.parametrize("body", [NOT_AUTHORITATIVE, IP_BLOCKED])
def test_key_without_rights_closes_nothing(gateway: FailingGateway, body: dict[str, Any]) -> None:
    refuse(gateway.pair, 403, body)
    assert gateway.ask("GET", f"{BASE}/Patient/1").status_code == 200
    for _ in range(3):
        assert gateway.ask("GET", f"{BASE}/Patient/1", headers=STRANGER).status_code == 403
    assert gateway.ask("GET", f"{BASE}/Patient/1").status_code == 200
    assert len(gateway.sent_requests("GET")) == 3


@pytest.mark.parametrize("body", [NOT_AUTHORITATIVE, IP_BLOCKED])
def test_two_keys_without_rights_close_nothing(gateway: FailingGateway, body: dict[str, Any]) -> None:
    for key in ("x", "y"):
        refuse(gateway.pair, 403, body, key)
        headers = {"Ocp-Apim-Subscription-Key": key}
        assert gateway.ask("GET", f"{BASE}/Patient/1", headers=headers).status_code == 403
    assert gateway.ask("GET", f"{BASE}/Patient/1").status_code == 200


def test_refused_key_is_refused_alike_while_it_is_paused(gateway: FailingGateway) -> None:
    refuse(gateway.pair, 401, BAD_KEY)
    first, second = (gateway.ask("GET", f"{BASE}/Patient/1", headers=STRANGER) for _ in range(2))
    assert (first.status_code, second.status_code) == (401, 401)
    issues = [response.json()["issue"][0] for response in (first, second)]
    assert [error_code(issue) for issue in issues] == ["upstream-credentials"] * 2
    assert second.headers["www-authenticate"] == first.headers["www-authenticate"]
    assert 1 <= int(second.headers["retry-after"]) <= 300
    assert "was not sent" in issues[1]["details"]["text"]
    assert len(gateway.sent_requests("GET")) == 1


@pytest.mark.parametrize(("kind", "status"), [("quota", 429), ("login-failed", 403)])
def test_paused_caller_keeps_its_status(gateway: FailingGateway, kind: str, status: int) -> None:
    gateway.pair.fault(kind=kind, key="other-key")
    responses = [gateway.ask("GET", f"{BASE}/Patient/1", headers=STRANGER) for _ in range(3)]
    assert [response.status_code for response in responses] == [status] * 3
    assert "retry-after" in responses[2].headers
    assert len(gateway.sent_requests("GET")) == 1


def test_refusal_of_a_second_upstream_is_its_own(gateway: FailingGateway) -> None:
    refuse(gateway.pair, 401, BAD_KEY, "demo-key")
    assert gateway.ask("GET", f"/stage{BASE}/Patient/1").status_code == 401
    gateway.pair.emulator.control("DELETE", "faults")
    assert gateway.ask("GET", f"/stage{BASE}/Patient/1").status_code == 401
    assert gateway.ask("GET", f"{BASE}/Patient/1").status_code == 200


def test_outage_of_a_second_upstream_is_its_own(gateway: FailingGateway) -> None:
    gateway.pair.fault(kind="offline", times=20)
    assert gateway.ask("GET", f"/stage{BASE}/Patient/1").status_code == 503
    gateway.pair.emulator.control("DELETE", "faults")
    assert gateway.ask("GET", f"/stage{BASE}/Patient/1").status_code == 503
    assert gateway.ask("GET", f"{BASE}/Patient/1").status_code == 200


def test_failing_queries_of_one_key_open_no_circuit_for_others(gateway: FailingGateway) -> None:
    gateway.pair.fault(kind="answer", status=500, body={"message": "boom"}, key="other-key")
    for _ in range(6):
        response = gateway.ask("GET", f"{BASE}/Patient/1", headers=STRANGER)
    assert error_code(response.json()["issue"][0]) == "practice-circuit-open"
    assert gateway.ask("GET", f"{BASE}/Patient/1").status_code == 200


OUTAGES = [
    (503, "x"),
    (504, {"error": {"status": 504, "message": "Site cannot be contacted. Site is offline."}}),
    (
        400,
        {
            "errorDetails": {
                "errorType": "haloLink",
                "errorCode": 1,
                "errorMessage": "Error occured while establishing a connection to SQL Server",
            }
        },
    ),
]


@pytest.mark.parametrize(("status", "body"), OUTAGES)
def test_outage_of_one_key_closes_no_site(gateway: FailingGateway, status: int, body: object) -> None:
    for key in ("x", "y", "other-key"):
        gateway.pair.fault(kind="answer", status=status, body=body, key=key)
    assert gateway.ask("GET", f"{BASE}/Patient/1").status_code == 200
    for key in ("x", "y", "x", "y", "other-key"):
        headers = {"Ocp-Apim-Subscription-Key": key}
        assert gateway.ask("GET", f"{BASE}/Patient/1", headers=headers).status_code >= 500
    assert gateway.ask("GET", f"{BASE}/Patient/1").status_code == 200


def test_block_until_2099_has_an_end(gateway: FailingGateway) -> None:
    date = "Thu, 01 Jan 2099 00:00:00 GMT"
    gateway.pair.fault(
        kind="answer", status=429, body={"message": "x"}, headers={"Retry-After": date}, times=1
    )
    response = gateway.ask("GET", f"{BASE}/Patient/1")
    assert 1 <= int(response.headers["retry-after"]) <= MAX_UPSTREAM_WAIT
