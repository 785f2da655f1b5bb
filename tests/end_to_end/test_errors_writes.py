"""Writes are sent once; if the outcome is unknown, the client gets `write-outcome-unknown`."""

import pytest
from conftest import KEY
from end_to_end.failing_gateway import BASE, TOKEN, FailingGateway, checked_issue, error_code

from gateway.emulator.sites import PERTH, SYDNEY

JSON = {"content-type": "application/fhir+json"}
NEW_PATIENT = b'{"resourceType":"Patient"}'
PATIENT_1 = b'{"resourceType":"Patient","id":"1"}'

WRITES = [
    ("POST", f"{BASE}/Patient", NEW_PATIENT),
    ("PUT", f"{BASE}/Patient/1", PATIENT_1),
    ("PATCH", f"{BASE}/Patient/1", b'{"resourceType":"Parameters"}'),
    ("DELETE", f"{BASE}/Patient/1", b""),
    ("POST", BASE, b'{"resourceType":"Bundle","type":"transaction"}'),
    ("POST", f"{BASE}/Patient/1/$change", b'{"resourceType":"Parameters"}'),
]
FAULTS = [
    ({"kind": "reset"}, "upstream-reset"),
    ({"kind": "hang"}, "upstream-timeout"),
    ({"kind": "answer", "status": 500, "body": ""}, "upstream-500"),
    ({"kind": "answer", "status": 502, "body": "<html>"}, "upstream-502"),
    ({"kind": "answer", "status": 200, "body": '{"resourceType":"Pat'}, "upstream-not-fhir"),
    ({"kind": "answer", "status": 418, "body": {"fault": 1}}, ""),
]


@pytest.mark.parametrize(("method", "path", "content"), WRITES)
@pytest.mark.parametrize(("rule", "cause"), FAULTS[:2])
def test_interrupted_write_is_sent_once_with_unknown_outcome(
    gateway: FailingGateway, method: str, path: str, content: bytes, rule: dict[str, object], cause: str
) -> None:
    gateway.pair.fault(**rule)
    issue = checked_issue(gateway.ask(method, path, headers=KEY | JSON, content=content), 504)
    assert error_code(issue) == "write-outcome-unknown"
    assert "may or may not" in issue["details"]["text"]
    assert issue["details"]["coding"][1]["code"] == cause
    assert len(gateway.sent_requests(method)) == 1


@pytest.mark.parametrize(("rule", "cause"), FAULTS[2:])
def test_error_after_a_write_gives_the_right_outcome(
    gateway: FailingGateway, rule: dict[str, object], cause: str
) -> None:
    gateway.pair.fault(**rule)
    issue = checked_issue(gateway.ask("PUT", f"{BASE}/Patient/1", headers=KEY | JSON, content=PATIENT_1))
    assert (error_code(issue) == "write-outcome-unknown") is bool(cause)
    assert not cause or issue["details"]["coding"][1]["code"] == cause
    assert len(gateway.sent_requests("PUT")) == 1


@pytest.mark.parametrize("guid", [SYDNEY, PERTH])
def test_write_with_too_large_result_has_unknown_outcome(gateway: FailingGateway, guid: str) -> None:
    emulator = gateway.pair.emulator
    emulator.control("PATCH", "settings", {"sites": {guid: {"size_limit": 10}}})
    before = len(emulator.control("GET", f"truth/{guid}/Patient"))
    path = f"/integrator/sites/{guid}/fhir/R4/Patient"
    issue = checked_issue(gateway.ask("POST", path, headers=KEY | JSON, content=NEW_PATIENT), 504)
    assert [coding["code"] for coding in issue["details"]["coding"]][:2] == [
        "write-outcome-unknown",
        "result-too-large",
    ]
    assert len(emulator.control("GET", f"truth/{guid}/Patient")) == before + 1


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_write_on_a_broken_reused_connection_is_not_repeated(gateway: FailingGateway, method: str) -> None:
    # HTTP libraries may repeat a request if a reused connection is closed.
    path, content = (f"{BASE}/Patient", NEW_PATIENT) if method == "POST" else (f"{BASE}/Patient/1", PATIENT_1)
    for _ in range(3):
        assert gateway.ask("GET", f"{BASE}/Patient/1").status_code == 200
        gateway.pair.fault(kind="reset", method=method, times=1)
        checked_issue(gateway.ask(method, path, headers=KEY | JSON, content=content), 504)
    assert len(gateway.sent_requests(method)) == 3


@pytest.mark.parametrize("rule", [{"kind": "truncate"}, {"kind": "hang"}, {"kind": "reset"}])
def test_interrupted_read_response_is_never_an_empty_bundle(
    gateway: FailingGateway, rule: dict[str, object]
) -> None:
    gateway.pair.fault(**rule)
    issue = checked_issue(gateway.ask("GET", f"{BASE}/Patient"))
    assert error_code(issue) in {"upstream-reset", "upstream-timeout"}
    assert len(gateway.sent_requests("GET")) == 1


def test_sql_query_that_may_have_run_has_unknown_outcome(gateway: FailingGateway) -> None:
    gateway.pair.fault(kind="hang")
    path = BASE.replace("fhir/R4", "queries/immediate")
    issue = checked_issue(gateway.ask("POST", path, content=b"{}"), 504)
    assert error_code(issue) == "write-outcome-unknown"


@pytest.mark.parametrize("path", ["/hg/Patient", "/itsm/api/tickets"])
def test_interrupted_write_to_other_upstreams_is_sent_once(gateway: FailingGateway, path: str) -> None:
    gateway.pair.fault(kind="reset")
    issue = checked_issue(gateway.ask("POST", path, headers=TOKEN | JSON, content=NEW_PATIENT), 504)
    assert error_code(issue) == "write-outcome-unknown"
    assert len(gateway.sent_requests("POST")) == 1


def test_write_to_offline_practice_may_be_retried(gateway: FailingGateway) -> None:
    gateway.pair.fault(kind="offline")
    response = gateway.ask("PUT", f"{BASE}/Patient/1", headers=KEY | JSON, content=PATIENT_1)
    assert error_code(checked_issue(response, 503)) == "practice-offline"
    assert response.headers["retry-after"] == "300"
