"""A gateway with two workers and no Redis: writes hold in both at once, and operators see one gateway."""

import os
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import httpx
import pytest
from conftest import Pair
from support.redis_server import redis_server
from support.secrets import SECRET
from support.workers import WorkersGateway, workers_gateway

from gateway.emulator.sites import SYDNEY

PATIENT = "/Patient/1"
SQL = {"command": {"type": "text", "text": "SELECT 1"}}
OTHER_SITE = "ffffffff-0000-4000-8000-00000000000f"
ADMIN = {"authorization": f"Bearer {SECRET}"}

pytestmark = pytest.mark.skipif(not Path("/proc").is_dir(), reason="children are read from /proc")


@pytest.fixture
def gateway(pair: Pair, tmp_path: Path) -> Iterator[WorkersGateway]:
    circuit = {"CIRCUIT_BREAKER__INITIAL_OPEN_SECONDS": "60"}  # longer than a busy machine needs
    with workers_gateway(pair.emulator.url, tmp_path, ADMIN__TOKEN=SECRET, **circuit) as gateway:
        yield gateway


def city_of(response: httpx.Response) -> str:
    assert response.status_code == 200, response.text
    return str(response.json()["address"][0]["city"])


def set_city(client: httpx.Client, city: str) -> None:
    patient = client.get(PATIENT).json()
    patient["address"][0]["city"] = city
    response = client.put(PATIENT, json=patient, headers={"content-type": "application/fhir+json"})
    assert response.status_code == 200, response.text


def metric(gateway: WorkersGateway, sample: str) -> float:
    return value_in(gateway.ask_all("/metrics").text, sample)


def value_in(page: str, sample: str) -> float:
    match = re.search(rf"^{re.escape(sample)} (\S+)$", page, re.MULTILINE)
    return float(match[1]) if match else 0.0


def test_write_ends_stored_responses_of_all_workers(gateway: WorkersGateway) -> None:
    with gateway.clients() as clients:
        for attempt in range(15):
            for client in (*clients, *clients):  # the second round is served by the fast path
                client.get(PATIENT)
            set_city(clients[attempt], f"Town {attempt}")
            assert {city_of(client.get(PATIENT)) for client in clients} == {f"Town {attempt}"}
    hits = [line for line in gateway.lines("request") if line["method"] == "GET"]
    assert {line["worker"] for line in hits} == {1, 2}
    assert len({line["request_id"] for line in hits}) == len(hits)


def client_by_worker(gateway: WorkersGateway, clients: list[httpx.Client]) -> dict[int, httpx.Client]:
    """One client for each worker, found by its id in the log."""
    for number, client in enumerate(clients):
        client.get(PATIENT, headers={"x-request-id": f"client-{number}"})
    found: dict[int, httpx.Client] = {}
    deadline = time.monotonic() + 10
    while len(found) < 2 and time.monotonic() < deadline:
        for line in gateway.lines("request"):
            name, _, number = line["request_id"].rpartition("-")
            if name == "client":
                found[line["worker"]] = clients[int(number)]
    return found


def pid_of(gateway: WorkersGateway, worker: int) -> int:
    """Process id of a worker that was not replaced: they are created in the order of their numbers."""
    return sorted(gateway.children())[worker - 1]


def test_worker_that_stalled_during_a_write_serves_nothing_older(gateway: WorkersGateway) -> None:
    with gateway.clients() as clients:
        by_worker = client_by_worker(gateway, clients)
        for attempt in range(10):
            for client in (*clients, *clients):
                client.get(PATIENT)
            pid = pid_of(gateway, 2)
            os.kill(pid, signal.SIGSTOP)
            set_city(by_worker[1], f"Village {attempt}")
            reader = Thread(target=os.kill, args=(pid, signal.SIGCONT))
            request = by_worker[2].build_request("GET", PATIENT)
            reader.start()  # the request may be there before the worker wakes
            assert city_of(by_worker[2].send(request)) == f"Village {attempt}"
            reader.join()


def test_counters_of_a_worker_that_stalls_are_those_last_shown(gateway: WorkersGateway) -> None:
    sample = 'halo_gateway_cache_requests_total{outcome="hit",type="Patient"}'
    with gateway.clients() as clients:
        by_worker = client_by_worker(gateway, clients)
        for client in clients:
            client.get(PATIENT)
        before = metric(gateway, sample)
        pid = pid_of(gateway, 2)
        os.kill(pid, signal.SIGSTOP)
        try:
            started_at = time.monotonic()
            page = by_worker[1].get(f"{gateway.url}/metrics").text
            assert time.monotonic() - started_at < 5
            statistics = by_worker[1].get(f"{gateway.url}/admin/cache", headers=ADMIN).json()
        finally:
            os.kill(pid, signal.SIGCONT)
    assert f"{sample} {before}\n" in page
    assert "\nhalo_gateway_workers_missing 1\n" in page
    assert statistics["missingWorkers"] == [2]


def test_connections_are_spread_over_workers(gateway: WorkersGateway) -> None:
    with gateway.clients(64) as clients:
        for client in clients:
            client.get(PATIENT)
        lines = gateway.wait_for_lines("request", 64)
    counts = [sum(line["worker"] == each for line in lines) for each in (1, 2)]
    assert sum(counts) == 64
    assert min(counts) >= 12


def test_metrics_are_sums_that_survive_a_killed_worker(gateway: WorkersGateway) -> None:
    sample = 'halo_gateway_cache_requests_total{outcome="hit",type="Patient"}'
    with gateway.clients() as clients:
        for client in (*clients, *clients):
            client.get(PATIENT)
        before = metric(gateway, sample)
    assert before == 2 * len(clients) - 2
    os.kill(gateway.children()[0], signal.SIGKILL)
    for _ in range(40):
        page = httpx.get(f"{gateway.url}/metrics", trust_env=False).text
        assert value_in(page, sample) >= before
        time.sleep(0.02)
    assert [line["exit_code"] for line in gateway.lines("worker-ended")] == [-signal.SIGKILL]


def test_operators_see_the_statistics_of_all_workers(gateway: WorkersGateway) -> None:
    with gateway.clients() as clients:
        for client in clients:
            client.get(PATIENT)
        statistics = gateway.ask_all("/admin/cache", **ADMIN).json()
        assert statistics["requests"] == {"hit": len(clients) - 2, "miss": 2}
        purge = {"site": "00000000-0000-4000-8000-000000005d00", "type": "Patient"}
        httpx.post(f"{gateway.url}/admin/purge", headers=ADMIN, json=purge, trust_env=False)
        for client in clients:
            client.get(PATIENT)
        statistics = gateway.ask_all("/admin/cache", **ADMIN).json()
    assert statistics["requests"]["miss"] == 4


def test_operators_of_all_workers_need_the_token(gateway: WorkersGateway) -> None:
    assert httpx.get(f"{gateway.url}/admin/cache", trust_env=False).status_code == 401


def test_circuit_is_open_in_all_workers_and_reset_in_all(gateway: WorkersGateway, pair: Pair) -> None:
    pair.fault(kind="reset", times=3)
    with gateway.clients() as clients:
        for client in clients[:3]:
            client.get(PATIENT)
        time.sleep(1.2)  # the age of a local copy
        statuses = {client.get(PATIENT).status_code for client in clients}
        assert statuses == {503}
        sites = gateway.ask_all("/admin/sites", **ADMIN).json()["sites"]
        assert [site["state"] for site in sites] == ["open"]
        url = f"{gateway.url}/admin/sites/{sites[0]['site']}/reset"
        assert "circuit" in httpx.post(url, headers=ADMIN, json={}, trust_env=False).json()["reset"]
        assert {client.get(PATIENT).status_code for client in clients} == {200}


def test_reset_of_an_unnamed_practice_reaches_all_workers(pair: Pair, tmp_path: Path) -> None:
    pair.fault(kind="reset", times=3)
    zones = {"SITES__DEFAULT__TIME_ZONE": "", f"SITES__{OTHER_SITE}__TIME_ZONE": "Australia/Sydney"}
    with workers_gateway(pair.emulator.url, tmp_path, ADMIN__TOKEN=SECRET, **zones) as gateway:
        with gateway.clients() as clients:
            for client in clients[:3]:
                client.post(f"{gateway.url}/integrator/sites/{SYDNEY}/queries/immediate", json=SQL)
        url = f"{gateway.url}/admin/sites/{SYDNEY}/reset"
        response = httpx.post(url, headers=ADMIN, json={}, trust_env=False)
        assert (response.status_code, response.json()["reset"]) == (200, ["circuit"])
        assert httpx.post(url, headers=ADMIN, json={}, trust_env=False).status_code == 400


def test_workers_on_one_redis_share_responses(pair: Pair, tmp_path: Path) -> None:
    with (
        redis_server() as redis,
        workers_gateway(
            pair.emulator.url,
            tmp_path,
            CACHE__REDIS__URL=redis.url,
            CACHE__REDIS__TIMEOUT="10",
            CACHE__KEYS=f'["{SECRET}"]',
        ) as gateway,
        gateway.clients() as clients,
    ):
        assert len(client_by_worker(gateway, clients)) == 2
        set_city(clients[0], "Shared Town")
        assert {city_of(client.get(PATIENT)) for client in clients} == {"Shared Town"}
        reads = [each for each in pair.sent() if each["method"] == "GET"]
    assert len(reads) == 2  # before the write and after it
    assert "server.workers" not in {line["setting"] for line in gateway.lines("configuration")}
