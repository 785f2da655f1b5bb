"""Admin endpoints of the whole gateway over real sockets, checked with openapi/gateway.yaml."""

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
from support.secrets import SECRET

from gateway.app import create_app
from gateway.emulator.sites import BRISBANE, SYDNEY
from gateway.server.serve import ThreadedServer
from gateway.settings import Admin, Cache

TOKEN = SECRET
DOCUMENT: dict[str, Any] = yaml.safe_load((ROOT / "openapi" / "gateway.yaml").read_text(encoding="utf-8"))


def response_schema(method: str, path: str) -> Any:
    """Schema of the 200 response."""
    content = DOCUMENT["paths"][path][method]["responses"]["200"]["content"]
    return {"components": DOCUMENT["components"], **content["application/json"]["schema"]}


@dataclass(frozen=True)
class Gateway:
    """A gateway with cache, resilience and admin endpoints."""

    pair: Pair
    url: str

    def get(self, path: str, guid: str = SYDNEY, key: str = "") -> httpx.Response:
        url = f"{self.url}/integrator/sites/{guid}/fhir/R4/{path}"
        headers = {"Ocp-Apim-Subscription-Key": key} if key else KEY
        return httpx.get(url, headers=headers, timeout=30, trust_env=False)

    def call_admin(self, method: str, path: str, page: str = "", **content: str) -> Any:
        """Call an admin endpoint and check the response; `page` is its path in the OpenAPI document."""
        headers = {"Authorization": f"Bearer {TOKEN}"}
        response = httpx.request(
            method, self.url + path, headers=headers, json=content or None, timeout=30, trust_env=False
        )
        assert response.status_code == 200, response.text
        OAS31Validator(response_schema(method.lower(), page or path)).validate(response.json())
        return response.json()

    def metrics(self) -> dict[tuple[str, ...], float]:
        text = httpx.get(f"{self.url}/metrics", trust_env=False).text
        families = text_string_to_metric_families(text)
        return {
            (sample.name.removeprefix("halo_gateway_"), *sample.labels.values()): sample.value
            for family in families
            for sample in family.samples
        }

    def site_status(self, guid: str = SYDNEY) -> Any:
        (status,) = self.call_admin("GET", f"/admin/sites?site={guid}", "/admin/sites")["sites"]
        return status


@pytest.fixture
def gateway(pair: Pair) -> Iterator[Gateway]:
    settings = settings_for(pair.emulator.url).model_copy(
        update={"cache": Cache(), "admin": Admin.model_validate({"token": TOKEN})}
    )
    with capture_logs(), ThreadedServer(create_app(settings)) as server:
        yield Gateway(pair, server.url)


def test_offline_practice_has_open_circuit_until_reset(gateway: Gateway) -> None:
    gateway.pair.fault(kind="offline")
    assert gateway.get("Patient/1").status_code == 503
    status = gateway.site_status()
    assert (status["state"], status["reason"]) == ("open", "practice-offline")
    assert gateway.site_status(BRISBANE)["state"] == "closed"
    assert gateway.metrics()["circuit_open", status["name"]] == 1
    gateway.pair.emulator.control("DELETE", "faults")
    assert gateway.get("Patient/1").status_code == 503
    result = gateway.call_admin("POST", f"/admin/sites/{SYDNEY}/reset", "/admin/sites/{siteId}/reset")
    assert result["reset"] == ["circuit"]
    assert gateway.get("Patient/1").status_code == 200
    assert gateway.site_status()["state"] == "closed"
    assert gateway.metrics()["circuit_open", status["name"]] == 0


def test_pause_is_listed_with_its_rule_and_cleared_by_name(gateway: Gateway) -> None:
    gateway.pair.fault(kind="quota", times=1)
    assert [gateway.get("Patient/1").status_code for _ in range(2)] == [429, 429]
    listing = gateway.call_admin("GET", "/admin/pauses")
    (pause,) = listing["pauses"]
    assert pause["rule"] == "quota"
    assert pause["rule"] in {rule["rule"] for rule in listing["rules"]}
    assert gateway.site_status()["pauses"] == [pause]
    assert gateway.metrics()["active_pauses", "quota"] == 1
    assert gateway.call_admin("POST", "/admin/pauses/clear", pause=pause["pause"])["reset"] == [
        pause["pause"]
    ]
    assert gateway.get("Patient/1").status_code == 200


def test_throttled_key_is_listed_without_the_key(gateway: Gateway) -> None:
    gateway.pair.fault(kind="rate-limit", per_second=0, times=1)
    gateway.get("Patient/1")
    listing = gateway.call_admin("GET", "/admin/sites")
    (key,) = listing["keys"]
    assert key["perSecond"] > 0
    assert key["blockedUntil"]
    assert "demo-key" not in str(listing)
    assert gateway.metrics()["rate_limit_blocked_seconds", "others"] > 0


def test_patient_purge_removes_responses_that_concern_the_patient(gateway: Gateway) -> None:
    paths = (
        *("Patient/1", "Patient/2", "Observation?patient=1&_count=2", "Condition?patient=2&_count=2"),
        *("Observation?_count=2", "Practitioner?_count=2"),
    )
    for path in paths * 3:
        assert gateway.get(path).status_code == 200
    figures = gateway.call_admin("GET", "/admin/cache")
    assert figures["types"]["Patient"] == {"hit": 4, "miss": 2}
    assert figures["requests"] == {"hit": 12, "miss": 6}
    assert (figures["store"]["kind"], figures["fetchesInFlight"]) == ("embedded", 0)
    assert (figures["prepared"]["entries"], figures["prepared"]["maxBytes"]) == (6, 64_000_000)
    assert figures["prepared"]["bytes"] > 0
    assert gateway.metrics()["cache_requests_total", "hit", "Patient"] == 4
    gateway.call_admin("POST", "/admin/purge", site=SYDNEY, patient="1")
    cached_paths = {path for path in paths if "; hit" in gateway.get(path).headers["cache-status"]}
    assert cached_paths == {"Patient/2", "Condition?patient=2&_count=2", "Practitioner?_count=2"}


def test_type_purge_leaves_other_types(gateway: Gateway) -> None:
    for path in ("Patient/1", "Practitioner?_count=2"):
        gateway.get(path)
    assert gateway.call_admin("POST", "/admin/purge", site=SYDNEY, type="Practitioner")["purged"] == "type"
    assert "hit" in gateway.get("Patient/1").headers["cache-status"]
    assert "fwd=" in gateway.get("Practitioner?_count=2").headers["cache-status"]
    assert gateway.call_admin("POST", "/admin/purge", site=SYDNEY)["purged"] == "site"
    assert "fwd=" in gateway.get("Patient/1").headers["cache-status"]


def test_separate_admin_port_serves_admin_without_token(pair: Pair) -> None:
    settings = settings_for(pair.emulator.url).model_copy(
        update={"admin": Admin.model_validate({"listen": "127.0.0.1:0"})}
    )
    with capture_logs() as lines, ThreadedServer(create_app(settings)) as server:
        (admin_url,) = [line["url"] for line in lines if line["event"] == "admin-listening"]
        statuses = {
            path: [httpx.get(url + path, trust_env=False).status_code for url in (server.url, admin_url)]
            for path in ("/admin/sites", "/metrics", "/readyz", "/integrator/sites")
        }
    assert statuses == {
        "/admin/sites": [404, 200],
        "/metrics": [404, 200],
        "/readyz": [200, 200],
        "/integrator/sites": [401, 404],
    }
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{admin_url}/readyz", trust_env=False)


def test_redis_outage_is_reported_and_requests_succeed(pair: Pair) -> None:
    with redis_server() as redis, capture_logs() as lines:
        cache = Cache.model_validate({"redis": {"url": redis.url, "timeout": 2}, "keys": [SECRET]})
        settings = settings_for(pair.emulator.url).model_copy(
            update={"cache": cache, "admin": Admin.model_validate({"token": TOKEN})}
        )
        with ThreadedServer(create_app(settings)) as server:
            gateway = Gateway(pair, server.url)
            assert gateway.get("Patient/1").status_code == 200
            assert gateway.call_admin("GET", "/admin/cache")["store"]["kind"] == "redis"
            assert gateway.metrics()["shared_store_down",] == 0
            redis.stop()
            assert {gateway.get(f"Patient/{number}").status_code for number in (1, 2, 1, 2)} == {200}
            store = gateway.call_admin("GET", "/admin/cache")["store"]
            assert (store["kind"], store["outages"]) == ("embedded", 1)
            ready = httpx.get(f"{server.url}/readyz", trust_env=False)
            assert (ready.status_code, ready.json()["status"]) == (200, "warn")
            assert ready.json()["checks"]["store"][0]["output"] == store["problem"]
            assert gateway.metrics()["shared_store_down",] == 1
            assert gateway.metrics()["shared_store_outages_total",] == 1
    assert [line["event"] for line in lines].count("shared-store-down") == 1
