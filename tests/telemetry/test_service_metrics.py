"""Metrics of the gateway as a service."""

import re
from collections.abc import Iterable
from functools import partial

import httpx
import pytest
from conftest import Pair
from prometheus_client import generate_latest
from prometheus_client.metrics_core import Metric

from gateway.telemetry.metric_sums import summed_page
from gateway.telemetry.service_metrics import BuildInfo, ClientConnections, ReadinessChecks, readiness_reader

pytestmark = pytest.mark.anyio


def samples_of(families: Iterable[Metric]) -> dict[str, float]:
    return {
        " ".join((sample.name, *sample.labels.values())): sample.value
        for family in families
        for sample in family.samples
    }


def test_build_info_names_release_and_code() -> None:
    ((name, value),) = samples_of(BuildInfo().collect()).items()
    assert re.fullmatch(r"halo_gateway_build_info \d+\.\d+\.\d+ [0-9a-f]{12}", name)
    assert value == 1


def test_connections_are_counted_when_they_are_read() -> None:
    clients: list[int] = []
    collector = ClientConnections(lambda: len(clients), 7)
    clients += [1, 2]
    assert samples_of(collector.collect()) == {
        "halo_gateway_client_connections": 2,
        "halo_gateway_client_connections_max": 7,
        "halo_gateway_client_connections_used_ratio": 2 / 7,
    }


async def test_only_a_failed_check_makes_it_unready() -> None:
    async def problem() -> str:
        return "Zzyzx"

    async def no_problem() -> str:
        return ""

    async def readiness(checks: ReadinessChecks, warnings: ReadinessChecks) -> dict[str, float]:
        return samples_of((await readiness_reader(checks, warnings)())())

    assert await readiness({"shutdown": no_problem}, {"store": problem, "ledger": no_problem}) == {
        "halo_gateway_ready": 1,
        "halo_gateway_readiness_problem shutdown": 0,
        "halo_gateway_readiness_problem store": 1,
        "halo_gateway_readiness_problem ledger": 0,
    }
    required = {"halo_gateway_ready": 0, "halo_gateway_readiness_problem ledger": 1}
    assert await readiness({"ledger": problem}, {"ledger": problem}) == required
    begins = {"halo_gateway_ready": 1, "halo_gateway_readiness_problem ledger": 1}
    assert await readiness({"ledger": no_problem}, {"ledger": problem}) == begins


def test_page_has_connections_of_the_server(pair: Pair) -> None:
    with httpx.Client(trust_env=False) as first, httpx.Client(trust_env=False) as second:
        first.get(f"{pair.url}/livez")
        page = second.get(f"{pair.url}/metrics").text
    found = re.search(r"^halo_gateway_client_connections (\S+)$", page, re.MULTILINE)
    assert found is not None
    assert float(found[1]) >= 2


def test_page_of_workers_shows_the_fullest() -> None:
    pages = [generate_latest(ClientConnections(partial(int, count), 1_000)) for count in (1_000, 9)]
    page = summed_page(pages).decode()
    assert "halo_gateway_client_connections 1009.0\n" in page
    assert "halo_gateway_client_connections_used_ratio 1.0\n" in page


def test_one_unready_worker_makes_the_page_unready() -> None:
    page = b"# TYPE halo_gateway_ready gauge\nhalo_gateway_ready %d.0\n"
    assert b"halo_gateway_ready 0.0\n" in summed_page([page % 1, page % 0, page % 1])
    assert b"halo_gateway_ready 1.0\n" in summed_page([page % 1, page % 1])


def test_sum_of_workers_is_one_build_and_all_connections() -> None:
    build = b'# TYPE halo_gateway_build_info gauge\nhalo_gateway_build_info{version="1"} 1.0\n'
    check = b'# TYPE halo_gateway_readiness_problem gauge\nhalo_gateway_readiness_problem{check="a"} 1.0\n'
    count = b"# TYPE halo_gateway_client_connections_max gauge\nhalo_gateway_client_connections_max 7.0\n"
    page = summed_page([build + check + count] * 2).decode()
    assert 'build_info{version="1"} 1.0\n' in page
    assert 'problem{check="a"} 1.0\n' in page
    assert "connections_max 14.0\n" in page
