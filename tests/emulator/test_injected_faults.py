import time

import httpx
import pytest
from emulator.asking import Halo

from gateway.emulator.injected_faults import FaultRule, FaultRules
from gateway.emulator.sites import BRISBANE, SYDNEY

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
def test_each_named_kind_answers_in_halos_words(halo: Halo, kind: str, status: int, text: str) -> None:
    halo.fault(kind, times=1)
    answer = halo.ask("Patient")
    assert answer.status_code == status
    assert text in answer.text
    assert halo.ask("Patient").status_code == 200


def test_any_answer_can_be_demanded(halo: Halo) -> None:
    halo.fault("answer", status=502, body="<html>proxy</html>", headers={"content-type": "text/html"})
    answer = halo.ask("Patient")
    assert (answer.status_code, answer.text) == (502, "<html>proxy</html>")
    halo.emulator.control("DELETE", "faults")
    halo.fault("answer", status=200, body={"errorCode": 1}, headers={"retry-after": "7"})
    answer = halo.ask("Patient")
    assert (answer.status_code, answer.json(), answer.headers["retry-after"]) == (200, {"errorCode": 1}, "7")
    halo.emulator.control("DELETE", "faults")
    halo.fault("answer", status=500)
    assert halo.ask("Patient").content == b""


def test_a_rule_counts_down_and_the_next_takes_over(halo: Halo) -> None:
    halo.emulator.control("POST", "faults", [{"status": 500, "times": 2}, {"status": 503, "times": 1}])
    assert [halo.ask("Patient").status_code for _ in range(4)] == [500, 500, 503, 200]


def test_a_rule_can_spare_all_but_every_third(halo: Halo) -> None:
    halo.fault("answer", status=502, every=3)
    assert [halo.ask("Patient/1").status_code for _ in range(6)] == [200, 200, 502, 200, 200, 502]


def test_a_rule_applies_to_its_site_path_method_and_key_only(halo: Halo) -> None:
    halo.fault("no-contact", site=BRISBANE, path=r"Patient\?.*name=", method="GET", key="demo-key")
    assert halo.ask("Patient?name=x", BRISBANE).status_code == 503
    assert halo.ask("Patient?name=x", SYDNEY).status_code == 200
    assert halo.ask("Patient/1", BRISBANE).status_code == 200
    assert halo.ask("Patient?name=x", BRISBANE, method="HEAD").status_code == 200
    other = {"Ocp-Apim-Subscription-Key": "other-key"}
    assert halo.ask("Patient?name=x", BRISBANE, headers=other).status_code == 200


def test_a_delay_answers_rightly_but_late(halo: Halo) -> None:
    halo.ask("Patient/1")
    halo.fault("delay", delay=0.2)
    started = time.monotonic()
    assert halo.ask("Patient/1").status_code == 200
    assert time.monotonic() - started >= 0.2


def test_a_rate_limit_counts_per_key_and_says_when_to_return(halo: Halo) -> None:
    halo.fault("rate-limit", per_second=2)
    answers = [halo.ask("metadata") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[2].headers["retry-after"] == "1"
    assert answers[2].json() == {
        "statusCode": 429,
        "message": "Rate limit is exceeded. Try again in 1 seconds.",
    }
    other = {"Ocp-Apim-Subscription-Key": "other-key"}
    assert halo.ask("metadata", headers=other).status_code == 200


def test_a_rate_limit_forgets_after_a_second() -> None:
    rule = FaultRule(kind="rate-limit", per_second=1)
    assert [rule.is_over_rate_limit("key"), rule.is_over_rate_limit("key")] == [False, True]
    rule._recent_requests["key"][0] -= 1
    assert not rule.is_over_rate_limit("key")


@pytest.mark.parametrize("kind", ["offline", "unreachable"])
def test_site_status_tells_of_a_site_that_is_away(halo: Halo, kind: str) -> None:
    halo.fault(kind, site=BRISBANE, path="/fhir/")
    assert halo.json(f"/integrator/sites/{BRISBANE}")["availability"] == kind
    assert halo.json(f"/integrator/sites/{SYDNEY}")["availability"] == "online"


def test_the_oldest_matching_rule_is_used_up() -> None:
    rules = FaultRules()
    rules.rules = [FaultRule(path="Slot"), FaultRule(status=501, times=1), FaultRule(status=502)]
    taken = [rules.take_matching("GET", "/Patient?", "") for _ in range(2)]
    assert [rule.status for rule in taken if rule] == [501, 502]
    assert rules.take_matching("GET", "/Slot?", "") is rules.rules[0]


def test_a_bad_rule_is_refused_with_the_reason(halo: Halo) -> None:
    for rule in ({"kind": "tantrum"}, {"path": "("}, {"times": 0}, {"colour": "blue"}):
        answer: httpx.Response = halo.ask("/_emulator/faults", method="POST", json=rule)
        assert answer.status_code == 400, rule
        assert next(iter(rule)) in answer.json()["detail"]
