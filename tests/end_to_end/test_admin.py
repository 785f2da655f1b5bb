"""The operators' endpoints of the whole gateway, over real sockets and beside openapi/gateway.yaml."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import yaml
from conftest import KEY, ROOT, Pair, settings_for
from openapi_schema_validator import OAS31Validator
from prometheus_client.parser import text_string_to_metric_families
from structlog.testing import capture_logs
from support.redis_server import redis_server

from gateway.app import create_app
from gateway.emulator.sites import BRISBANE, SYDNEY
from gateway.server.serve import ThreadedServer
from gateway.settings import Admin, Cache

TOKEN = "synthetic-operator-token"  # noqa: S105 - a test's own
DOCUMENT: dict[str, Any] = yaml.safe_load((ROOT / "openapi" / "gateway.yaml").read_text(encoding="utf-8"))


def promised(method: str, path: str) -> Any:
    """The schema of a 200."""
    content = DOCUMENT["paths"][path][method]["responses"]["200"]["content"]
    return {"components": DOCUMENT["components"], **content["application/json"]["schema"]}


@dataclass(frozen=True)
class Gateway:
    """A gateway with cache, resilience and an operator."""

    pair: Pair
    url: str

    def get(self, path: str, guid: str = SYDNEY, key: str = "") -> httpx.Response:
        url = f"{self.url}/integrator/sites/{guid}/fhir/R4/{path}"
        headers = {"Ocp-Apim-Subscription-Key": key} if key else KEY
        return httpx.get(url, headers=headers, timeout=30, trust_env=False)

    def operate(self, method: str, path: str, page: str = "", **content: str) -> Any:
        """An answer that keeps the document's promise; `page` is its path there."""
        headers = {"Authorization": f"Bearer {TOKEN}"}
        answer = httpx.request(
            method, self.url + path, headers=headers, json=content or None, timeout=30, trust_env=False
        )
        assert answer.status_code == 200, answer.text
        OAS31Validator(promised(method.lower(), page or path)).validate(answer.json())
        return answer.json()

    def metrics(self) -> dict[tuple[str, ...], float]:
        text = httpx.get(f"{self.url}/metrics", trust_env=False).text
        families = text_string_to_metric_families(text)
        return {
            (each.name.removeprefix("halo_gateway_"), *each.labels.values()): each.value
            for family in families
            for each in family.samples
        }

    def site(self, guid: str = SYDNEY) -> Any:
        (found,) = self.operate("GET", f"/admin/sites?site={guid}", "/admin/sites")["sites"]
        return found


@pytest.fixture
def gateway(pair: Pair) -> Iterator[Gateway]:
    settings = settings_for(pair.emulator.url).model_copy(
        update={
            "cache": Cache(),
            "admin": Admin.model_validate({"token": TOKEN}),
        }
    )
    with capture_logs(), ThreadedServer(create_app(settings)) as running:
        yield Gateway(pair, running.url)


def test_a_practice_that_is_offline_rests_until_it_is_lifted(gateway: Gateway) -> None:
    gateway.pair.fault(kind="offline")
    assert gateway.get("Patient/1").status_code == 503
    found = gateway.site()
    assert (found["state"], found["reason"]) == ("open", "practice-offline")
    assert gateway.site(BRISBANE)["state"] == "closed"
    assert gateway.metrics()["circuit_open", SYDNEY[:8]] == 1
    gateway.pair.emulator.control("DELETE", "faults")
    assert gateway.get("Patient/1").status_code == 503
    lifted = gateway.operate("POST", f"/admin/sites/{SYDNEY}/reset", "/admin/sites/{siteId}/reset")
    assert lifted["reset"] == ["circuit"]
    assert gateway.get("Patient/1").status_code == 200
    assert gateway.site()["state"] == "closed"
    assert gateway.metrics()["circuit_open", SYDNEY[:8]] == 0


def test_a_pause_shows_with_its_rule_and_is_lifted_by_its_name(gateway: Gateway) -> None:
    gateway.pair.fault(kind="quota", times=1)
    assert gateway.get("Patient/1").status_code == 429
    assert gateway.get("Patient/1").status_code == 503
    found = gateway.operate("GET", "/admin/pauses")
    (pause,) = found["pauses"]
    assert pause["rule"] == "quota"
    assert pause["rule"] in {each["rule"] for each in found["rules"]}
    assert gateway.site()["pauses"] == [pause]
    assert gateway.metrics()["active_pauses", "quota"] == 1
    assert gateway.operate("POST", "/admin/pauses/clear", pause=pause["pause"])["reset"] == [pause["pause"]]
    assert gateway.get("Patient/1").status_code == 200


def test_a_key_that_was_throttled_shows_without_the_key(gateway: Gateway) -> None:
    gateway.pair.fault(kind="rate-limit", per_second=0, times=1)
    gateway.get("Patient/1")
    found = gateway.operate("GET", "/admin/sites")
    (key,) = found["keys"]
    assert key["perSecond"] > 0
    assert key["blockedUntil"]
    assert "demo-key" not in str(found)
    assert gateway.metrics()["rate_limit_blocked_seconds", "others"] > 0


def test_the_cache_counts_by_type_and_a_purge_of_a_patient_leaves_the_others(gateway: Gateway) -> None:
    asked = (
        *("Patient/1", "Patient/2", "Observation?patient=1&_count=2", "Condition?patient=2&_count=2"),
        *("Observation?_count=2", "Practitioner?_count=2"),
    )
    for path in asked * 3:
        assert gateway.get(path).status_code == 200
    figures = gateway.operate("GET", "/admin/cache")
    assert figures["types"]["Patient"] == {"hit": 4, "miss": 2}
    assert figures["requests"] == {"hit": 12, "miss": 6}
    assert (figures["store"]["kind"], figures["flights"]) == ("embedded", 0)
    assert (figures["prepared"]["entries"], figures["prepared"]["maxBytes"]) == (6, 64_000_000)
    assert figures["prepared"]["bytes"] > 0
    assert gateway.metrics()["cache_requests_total", "hit", "Patient"] == 4
    gateway.operate("POST", "/admin/purge", site=SYDNEY, patient="1")
    kept = {path for path in asked if "; hit" in gateway.get(path).headers["cache-status"]}
    assert kept == {"Patient/2", "Condition?patient=2&_count=2", "Practitioner?_count=2"}


def test_a_purge_of_a_type_leaves_other_types(gateway: Gateway) -> None:
    for path in ("Patient/1", "Practitioner?_count=2"):
        gateway.get(path)
    assert gateway.operate("POST", "/admin/purge", site=SYDNEY, type="Practitioner")["purged"] == "type"
    assert "hit" in gateway.get("Patient/1").headers["cache-status"]
    assert "fwd=" in gateway.get("Practitioner?_count=2").headers["cache-status"]
    assert gateway.operate("POST", "/admin/purge", site=SYDNEY)["purged"] == "site"
    assert "fwd=" in gateway.get("Patient/1").headers["cache-status"]


def test_a_port_of_their_own_is_the_only_one_for_operators_and_wants_no_token(pair: Pair) -> None:
    settings = settings_for(pair.emulator.url).model_copy(
        update={"admin": Admin.model_validate({"listen": "127.0.0.1:0"})}
    )
    with capture_logs() as lines, ThreadedServer(create_app(settings)) as running:
        (own,) = [each["url"] for each in lines if each["event"] == "admin-listening"]
        statuses = {
            path: [httpx.get(url + path, trust_env=False).status_code for url in (running.url, own)]
            for path in ("/admin/sites", "/metrics", "/readyz", "/integrator/sites")
        }
    assert statuses == {
        "/admin/sites": [404, 200],
        "/metrics": [200, 200],
        "/readyz": [200, 200],
        "/integrator/sites": [401, 404],
    }
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{own}/readyz", trust_env=False)


def test_redis_away_is_told_in_readyz_metrics_and_one_line_and_no_request_fails(pair: Pair) -> None:
    with redis_server() as redis, capture_logs() as lines:
        kept = Cache.model_validate({"redis": {"url": redis.url, "timeout": 0.3}, "keys": ["synthetic"]})
        settings = settings_for(pair.emulator.url).model_copy(
            update={"cache": kept, "admin": Admin.model_validate({"token": TOKEN})}
        )
        with ThreadedServer(create_app(settings)) as running:
            gateway = Gateway(pair, running.url)
            assert gateway.get("Patient/1").status_code == 200
            assert gateway.operate("GET", "/admin/cache")["store"]["kind"] == "redis"
            assert gateway.metrics()["shared_store_down",] == 0
            redis.stop()
            assert {gateway.get(f"Patient/{number}").status_code for number in (1, 2, 1, 2)} == {200}
            store = gateway.operate("GET", "/admin/cache")["store"]
            assert (store["kind"], store["absences"]) == ("embedded", 1)
            ready = httpx.get(f"{running.url}/readyz", trust_env=False)
            assert (ready.status_code, ready.json()["status"]) == (200, "warn")
            assert ready.json()["checks"]["store"][0]["output"] == store["problem"]
            assert gateway.metrics()["shared_store_down",] == 1
            assert gateway.metrics()["shared_store_outages_total",] == 1
    assert [each["event"] for each in lines].count("shared-store-down") == 1
