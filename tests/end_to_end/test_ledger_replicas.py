"""Replicas of `halo-gateway serve` on one Redis: one ledger and one cap."""

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import httpx
import pytest
from click.testing import CliRunner
from conftest import KEY, Pair
from ledger.test_redis_ledger import DURABLE
from support.redis_server import RedisServer, redis_server
from support.secrets import SECRET

from gateway.cli.commands import main
from gateway.emulator.sites import SYDNEY

TOKEN = SECRET
BATCH = {"priority": "u=7"}
CONFIGURATION = """
[upstream]
url = "{upstream}"
[sites.{site}]
name = "sydney"
time_zone = "Australia/Sydney"
[sites.{site}.caps]
queries = {cap}
reject_batch = true
[cache]
profile = "off"
keys = ["{token}"]
[cache.redis]
url = "{redis}"
timeout = 2.0
[ledger]
store = "redis"
path = "{path}"
[admin]
token = "{token}"
"""


@dataclass(frozen=True)
class Replica:
    """A gateway in a separate process."""

    process: subprocess.Popen[str]
    url: str
    configuration: Path

    def get(self, path: str = "Patient/1", **headers: str) -> int:
        """Send a FHIR request and return the status."""
        base = f"{self.url}/integrator/sites/{SYDNEY}/fhir/R4/"
        return httpx.get(base + path, headers=KEY | headers, timeout=30, trust_env=False).status_code

    def ledger(self) -> Any:
        """Response of `/admin/ledger`; None if it fails."""
        headers = {"authorization": f"Bearer {TOKEN}"}
        response = httpx.get(f"{self.url}/admin/ledger", headers=headers, timeout=30, trust_env=False)
        return response.json() if response.status_code == 200 else None

    @property
    def billed(self) -> int:
        """Billed queries of all replicas; -1 if unknown."""
        ledger = self.ledger()
        return int(ledger["totals"]["billed"]["queries"]) if ledger else -1

    @property
    def used(self) -> int:
        """Today's usage of the cap."""
        return sum(cap["queries"]["used"] for cap in (self.ledger() or {"caps": ()})["caps"])

    def warning(self) -> str:
        """Response of `/readyz`."""
        return str(httpx.get(f"{self.url}/readyz", timeout=30, trust_env=False).json())


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    with redis_server(*DURABLE) as running:
        yield running


Start = Callable[..., Replica]


@pytest.fixture
def start(pair: Pair, redis: RedisServer, tmp_path: Path) -> Iterator[Start]:
    """Function that starts a replica with a new ledger file, or with that of an earlier replica."""
    with ExitStack() as stack:
        yield lambda name="one", cap=1_000: stack.enter_context(
            _run_replica(pair, redis, tmp_path / f"{name}.sqlite3", cap)
        )


@contextmanager
def _run_replica(pair: Pair, redis: RedisServer, path: Path, cap: int) -> Iterator[Replica]:
    configuration = path.with_suffix(".toml")
    configuration.write_text(
        CONFIGURATION.format(
            upstream=pair.emulator.url, site=SYDNEY, cap=cap, redis=redis.url, path=path, token=TOKEN
        )
    )
    command = [sys.executable, "-m", "gateway", "serve", "--port", "0", "--config", str(configuration)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            assert process.stdout is not None
            yield Replica(process, process.stdout.readline().split()[-1], configuration)
        finally:
            process.kill()


def _wait_until(condition: Callable[[], object]) -> None:
    deadline = monotonic() + 30
    while not condition():
        assert monotonic() < deadline
        sleep(0.05)


def ledger_report(replica: Replica, *options: str) -> str:
    """Output of `halo-gateway ledger`."""
    result = CliRunner().invoke(main, ["ledger", "--config", str(replica.configuration), *options])
    assert result.exit_code == 0, result.output
    return result.output


def test_endpoint_and_command_report_the_bill_of_all_replicas(pair: Pair, start: Start) -> None:
    first, second = start("one"), start("other")
    for replica in (first, second, first):
        assert replica.get() == 200
    _wait_until(lambda: first.billed == second.billed == 3)
    bill = pair.emulator.control("GET", "bill")
    totals = first.ledger()["totals"]["billed"]
    assert (totals["queries"], totals["bytes"]) == (bill["queries"], bill["bytes"])
    row = ledger_report(first, "--csv", "--site", "sydney").splitlines()[1]
    assert row.endswith(f"billed,3,{bill['bytes']}")
    assert ledger_report(first).splitlines()[-1].split()[:2] == ["total", "3"]


def test_cap_rejects_only_batch_requests_at_every_replica(start: Start) -> None:
    first, second = start("one", 4), start("other", 4)
    for replica in (first, second, first, second):
        assert replica.get(**BATCH) == 200
    _wait_until(lambda: first.used == second.used == 4)
    for replica in (first, second):
        assert replica.get(**BATCH) == 429
        assert replica.get() == 200
    third = start("late", 4)
    assert third.get(**BATCH) == 429


def test_requests_succeed_without_redis_and_no_count_is_lost(redis: RedisServer, start: Start) -> None:
    first, second = start("one"), start("other")
    assert (first.get(), second.get()) == (200, 200)
    redis.stop()
    assert [replica.get() for replica in (first, second) * 5] == [200] * 10
    _wait_until(lambda: "Redis unavailable" in first.warning())
    redis.start()
    _wait_until(lambda: first.billed == second.billed == 12)
    _wait_until(lambda: "Redis unavailable" not in first.warning())


def test_sigterm_without_redis_delivers_counts_after_restart(redis: RedisServer, start: Start) -> None:
    first = start("one")
    assert [first.get() for _ in range(10)] == [200] * 10
    redis.stop()
    assert [first.get() for _ in range(10)] == [200] * 10
    first.process.send_signal(signal.SIGTERM)
    assert first.process.wait(30) == 0
    redis.start()
    restarted = start("one")
    _wait_until(lambda: restarted.billed == 20)


def test_kill_9_loses_at_most_unwritten_counts(start: Start) -> None:
    first, second = start("one"), start("other")
    assert [first.get() for _ in range(10)] == [200] * 10
    _wait_until(lambda: second.billed == 10)
    assert [first.get() for _ in range(3)] == [200] * 3
    first.process.kill()
    first.process.wait(30)
    restarted = start("one")
    _wait_until(lambda: 10 <= restarted.billed <= 13)


def test_early_rejections_are_free_and_in_the_ledger(start: Start) -> None:
    first = start()
    base = f"{first.url}/integrator/sites/{SYDNEY}/fhir/R4"
    for path, headers in (("/Patient/1", {}), ("/Nonsense/1", KEY), ("/Patient//1", KEY)):
        assert httpx.get(base + path, headers=headers, trust_env=False).status_code >= 400
    assert first.get("Patient?birthdate=never") == 400
    rows = [(row["site"], row["type"], row["class"], row["queries"]) for row in first.ledger()["rows"]]
    assert sum(queries for *_, queries in rows) == 4
    assert {(site, cost) for site, _, cost, _ in rows} == {(SYDNEY, "free")}
