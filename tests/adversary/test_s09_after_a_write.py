"""Whatever fails after a write may have run says so (strangers.md S9), and each request gets an answer."""

import pytest
from conftest import KEY
from end_to_end.failing_gateway import BASE, TOKEN, FailingGateway, error_code

JSON = {"content-type": "application/fhir+json"}
PATIENT = b'{"resourceType":"Patient"}'
UNREADABLE = [
    "http://[",
    "//[",
    "http://[::1",
    "http://a:b:c/",
    "http://a:99999999/",
    "\\\\[",
    "http://\uff0e[",
]


@pytest.mark.parametrize("url", UNREADABLE)
@pytest.mark.parametrize("field", ["Location", "Content-Location"])
@pytest.mark.parametrize(("path", "key"), [("/hg/Patient", TOKEN), (f"{BASE}/Patient", KEY)])
def test_unreadable_url_behind_a_create_hides_nothing(
    gateway: FailingGateway, path: str, key: dict[str, str], field: str, url: str
) -> None:
    if not url.isascii():
        url = url.encode().decode("latin-1")
    gateway.pair.fault(
        kind="answer", status=201, body='{"resourceType":"Patient","id":"7"}', headers={field: url}, times=1
    )
    response = gateway.ask("POST", path, headers=key | JSON, content=PATIENT)
    assert response.status_code == 201 or error_code(response.json()["issue"][0]) == "write-outcome-unknown"
    assert len(gateway.sent_requests("POST")) == 1


@pytest.mark.parametrize("status", [206, 207, 208, 226, 300, 302, 303, 406, 424, 508])
def test_status_that_may_follow_a_change_is_no_refusal(gateway: FailingGateway, status: int) -> None:
    gateway.pair.fault(kind="answer", status=status, body='{"resourceType":"Patient"}', times=1)
    response = gateway.ask("POST", f"{BASE}/Patient", headers=KEY | JSON, content=PATIENT)
    issue = response.json()["issue"][0]
    assert error_code(issue) == "write-outcome-unknown"
    assert "may or may not" in issue["details"]["text"]


@pytest.mark.parametrize("status", [402, 407, 411, 417, 501, 505])
def test_refusal_before_the_change_says_so(gateway: FailingGateway, status: int) -> None:
    gateway.pair.fault(kind="answer", status=status, body='{"message":"no"}', times=1)
    response = gateway.ask("POST", f"{BASE}/Patient", headers=KEY | JSON, content=PATIENT)
    assert error_code(response.json()["issue"][0]) != "write-outcome-unknown"
