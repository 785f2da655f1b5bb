"""A change is sent once, whatever happens; when nobody knows what became of it, the client is told so."""

import pytest
from conftest import KEY
from end_to_end.failing import BASE, TOKEN, Failing, code, outcome

from gateway.emulator.sites import PERTH, SYDNEY

JSON = {"content-type": "application/fhir+json"}
NEW = b'{"resourceType":"Patient"}'
OLD = b'{"resourceType":"Patient","id":"1"}'

WRITES = [
    ("POST", f"{BASE}/Patient", NEW),
    ("PUT", f"{BASE}/Patient/1", OLD),
    ("PATCH", f"{BASE}/Patient/1", b'{"resourceType":"Parameters"}'),
    ("DELETE", f"{BASE}/Patient/1", b""),
    ("POST", BASE, b'{"resourceType":"Bundle","type":"transaction"}'),
    ("POST", f"{BASE}/Patient/1/$change", b'{"resourceType":"Parameters"}'),
]
BREAKS = [
    ({"kind": "reset"}, "upstream-reset"),
    ({"kind": "hang"}, "upstream-timeout"),
    ({"kind": "answer", "status": 500, "body": ""}, "upstream-500"),
    ({"kind": "answer", "status": 502, "body": "<html>"}, "upstream-502"),
    ({"kind": "answer", "status": 200, "body": '{"resourceType":"Pat'}, "upstream-not-fhir"),
    ({"kind": "answer", "status": 418, "body": {"fault": 1}}, ""),
]


@pytest.mark.parametrize(("method", "path", "content"), WRITES)
@pytest.mark.parametrize(("rule", "cause"), BREAKS[:2])
def test_a_broken_write_is_sent_once_and_its_outcome_is_called_unknown(
    failing: Failing, method: str, path: str, content: bytes, rule: dict[str, object], cause: str
) -> None:
    failing.pair.fault(**rule)
    issue = outcome(failing.ask(method, path, headers=KEY | JSON, content=content), 504)
    assert code(issue) == "write-outcome-unknown"
    assert "may or may not" in issue["details"]["text"]
    assert issue["details"]["coding"][1]["code"] == cause
    assert len(failing.journal(method)) == 1


@pytest.mark.parametrize(("rule", "cause"), BREAKS[2:])
def test_an_error_after_a_write_leaves_open_what_it_leaves_open(
    failing: Failing, rule: dict[str, object], cause: str
) -> None:
    failing.pair.fault(**rule)
    issue = outcome(failing.ask("PUT", f"{BASE}/Patient/1", headers=KEY | JSON, content=OLD))
    assert (code(issue) == "write-outcome-unknown") is bool(cause)
    assert not cause or issue["details"]["coding"][1]["code"] == cause
    assert len(failing.journal("PUT")) == 1


@pytest.mark.parametrize("guid", [SYDNEY, PERTH])
def test_a_write_whose_result_is_too_large_was_made_and_is_not_called_refused(
    failing: Failing, guid: str
) -> None:
    emulator = failing.pair.emulator
    emulator.control("PATCH", "settings", {"sites": {guid: {"size_limit": 10}}})
    before = len(emulator.control("GET", f"truth/{guid}/Patient"))
    path = f"/integrator/sites/{guid}/fhir/R4/Patient"
    issue = outcome(failing.ask("POST", path, headers=KEY | JSON, content=NEW), 504)
    assert [each["code"] for each in issue["details"]["coding"]][:2] == [
        "write-outcome-unknown",
        "result-too-large",
    ]
    assert len(emulator.control("GET", f"truth/{guid}/Patient")) == before + 1


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_a_write_on_a_kept_alive_connection_that_breaks_is_not_sent_again(
    failing: Failing, method: str
) -> None:
    """HTTP libraries like to repeat a request when a reused connection turns out to be dead."""
    path, content = (f"{BASE}/Patient", NEW) if method == "POST" else (f"{BASE}/Patient/1", OLD)
    for _ in range(3):
        assert failing.ask("GET", f"{BASE}/Patient/1").status_code == 200
        failing.pair.fault(kind="reset", method=method, times=1)
        outcome(failing.ask(method, path, headers=KEY | JSON, content=content), 504)
    assert len(failing.journal(method)) == 3


@pytest.mark.parametrize("rule", [{"kind": "truncate"}, {"kind": "hang"}, {"kind": "reset"}])
def test_a_truncated_or_lost_answer_to_a_read_is_never_an_empty_bundle(
    failing: Failing, rule: dict[str, object]
) -> None:
    failing.pair.fault(**rule)
    issue = outcome(failing.ask("GET", f"{BASE}/Patient"))
    assert code(issue) in {"upstream-reset", "upstream-timeout"}
    assert len(failing.journal("GET")) == 1


def test_a_sql_query_that_may_have_run_is_called_open_too(failing: Failing) -> None:
    failing.pair.fault(kind="hang")
    path = BASE.replace("fhir/R4", "queries/immediate")
    issue = outcome(failing.ask("POST", path, content=b"{}"), 504)
    assert code(issue) == "write-outcome-unknown"


@pytest.mark.parametrize("path", ["/hg/Patient", "/itsm/api/tickets"])
def test_other_upstreams_get_a_write_once_too(failing: Failing, path: str) -> None:
    failing.pair.fault(kind="reset")
    issue = outcome(failing.ask("POST", path, headers=TOKEN | JSON, content=NEW), 504)
    assert code(issue) == "write-outcome-unknown"
    assert len(failing.journal("POST")) == 1


def test_a_write_that_never_left_may_be_sent_again(failing: Failing) -> None:
    failing.pair.fault(kind="offline")
    response = failing.ask("PUT", f"{BASE}/Patient/1", headers=KEY | JSON, content=OLD)
    assert code(outcome(response, 503)) == "practice-offline"
    assert response.headers["retry-after"] == "300"
