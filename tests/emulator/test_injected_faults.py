import time

import httpx
import pytest
from emulator.halo_client import HaloClient

from gateway.emulator.injected_faults import FaultRule, FaultRules
from gateway.emulator.sites import BRISBANE, SYDNEY

OTHER_KEY = {"Ocp-Apim-Subscription-Key": "other-key"}
QUOTA = "Out of call volume quota. Quota will be replenished in"


@pytest.mark.parametrize(
    ("kind", "status", "text"),
    [
        ("quota", 403, QUOTA),
        ("bandwidth-quota", 403, "Out of bandwidth quota."),
        ("caller-ip", 403, "is not allowed. Access denied."),
        ("login-failed", 400, "Login failed for user"),
        ("no-contact", 503, "Site could not be contacted"),
        ("offline", 504, "Site cannot be contacted. Site is offline."),
        ("unreachable", 504, "Site cannot be contacted. Site is currently unreachable."),
        ("slow-query", 504, "Query took more than 30 seconds to return a result."),
        ("too-large", 413, "results were too large"),
    ],
)
def test_refusal_kind_has_halo_status_and_text(halo: HaloClient, kind: str, status: int, text: str) -> None:
    halo.inject(kind, times=1)
    response = halo.send("Patient")
    assert response.status_code == status
    assert text in response.text
    assert halo.send("Patient").status_code == 200


def test_answer_fault_sends_configured_response(halo: HaloClient) -> None:
    halo.inject("answer", status=502, body="<html>proxy</html>", headers={"content-type": "text/html"})
    response = halo.send("Patient")
    assert (response.status_code, response.text) == (502, "<html>proxy</html>")
    halo.emulator.control("DELETE", "faults")
    halo.inject("answer", status=200, body={"errorCode": 1}, headers={"retry-after": "7"})
    response = halo.send("Patient")
    assert (response.status_code, response.json()) == (200, {"errorCode": 1})
    assert response.headers["retry-after"] == "7"
    halo.emulator.control("DELETE", "faults")
    halo.inject("answer", status=500)
    assert halo.send("Patient").content == b""


def test_next_rule_applies_after_times_is_used_up(halo: HaloClient) -> None:
    halo.emulator.control("POST", "faults", [{"status": 500, "times": 2}, {"status": 503, "times": 1}])
    assert [halo.send("Patient").status_code for _ in range(4)] == [500, 500, 503, 200]


def test_every_three_fails_each_third_request(halo: HaloClient) -> None:
    halo.inject("answer", status=502, every=3)
    assert [halo.send("Patient/1").status_code for _ in range(6)] == [200, 200, 502, 200, 200, 502]


def test_rule_matches_site_path_method_and_key(halo: HaloClient) -> None:
    halo.inject("no-contact", site=BRISBANE, path=r"Patient\?.*name=", method="GET", key="demo-key")
    assert halo.send("Patient?name=x", BRISBANE).status_code == 503
    assert halo.send("Patient?name=x", SYDNEY).status_code == 200
    assert halo.send("Patient/1", BRISBANE).status_code == 200
    assert halo.send("Patient?name=x", BRISBANE, method="HEAD").status_code == 200
    assert halo.send("Patient?name=x", BRISBANE, headers=OTHER_KEY).status_code == 200


def test_delay_fault_sends_correct_response_late(halo: HaloClient) -> None:
    halo.send("Patient/1")
    halo.inject("delay", delay=0.2)
    start = time.monotonic()
    assert halo.send("Patient/1").status_code == 200
    assert time.monotonic() - start >= 0.2


def test_rate_limit_fault_counts_per_key_and_sends_retry_after(halo: HaloClient) -> None:
    halo.inject("rate-limit", per_second=2)
    responses = [halo.send("metadata") for _ in range(3)]
    assert [response.status_code for response in responses] == [200, 200, 429]
    assert responses[2].headers["retry-after"] == "1"
    assert responses[2].json() == {
        "statusCode": 429,
        "message": "Rate limit is exceeded. Try again in 1 seconds.",
    }
    assert halo.send("metadata", headers=OTHER_KEY).status_code == 200


def test_rate_limit_window_is_one_second() -> None:
    rule = FaultRule(kind="rate-limit", per_second=1)
    assert [rule.is_over_rate_limit("key"), rule.is_over_rate_limit("key")] == [False, True]
    rule._recent_requests["key"][0] -= 1
    assert not rule.is_over_rate_limit("key")


@pytest.mark.parametrize(
    ("kind", "code", "error_type"),
    [("halo-link", 0, "http"), ("halo-link", 1, "haloLink"), ("sql-error", 208, "mssql")],
)
def test_error_of_the_practice_is_in_error_details(
    halo: HaloClient, kind: str, code: int, error_type: str
) -> None:
    halo.inject(kind, error_code=code)
    response = halo.send("Patient")
    details = response.json()["errorDetails"]
    assert (response.status_code, details["errorType"], details["errorCode"]) == (400, error_type, code)


@pytest.mark.parametrize("kind", ["offline", "unreachable"])
def test_site_status_shows_availability_fault(halo: HaloClient, kind: str) -> None:
    halo.inject(kind, site=BRISBANE, path="/fhir/")
    assert halo.json(f"/integrator/sites/{BRISBANE}")["availability"] == kind
    assert halo.json(f"/integrator/sites/{SYDNEY}")["availability"] == "online"


def test_oldest_matching_rule_is_taken() -> None:
    rules = FaultRules()
    rules.rules = [FaultRule(path="Slot"), FaultRule(status=501, times=1), FaultRule(status=502)]
    matching_rules = [rules.take_matching("GET", "/Patient?", "") for _ in range(2)]
    assert [rule.status for rule in matching_rules if rule] == [501, 502]
    assert rules.take_matching("GET", "/Slot?", "") is rules.rules[0]


def test_invalid_rule_is_rejected_with_field_name(halo: HaloClient) -> None:
    for rule in ({"kind": "tantrum"}, {"path": "("}, {"times": 0}, {"colour": "blue"}):
        response: httpx.Response = halo.send("/_emulator/faults", method="POST", json=rule)
        assert response.status_code == 400, rule
        assert next(iter(rule)) in response.json()["detail"]
