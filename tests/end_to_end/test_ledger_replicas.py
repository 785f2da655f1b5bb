"""Replicas as an operator runs them, `halo-gateway serve`, on one Redis: one ledger, and one cap for all."""

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

from gateway.cli.commands import main
from gateway.emulator.sites import SYDNEY

TOKEN = "synthetic-operator-token"  # noqa: S105 - a test's own
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
keys = ["synthetic"]
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
    """A gateway in a process of its own."""

    running: subprocess.Popen[str]
    url: str
    configuration: Path

    def get(self, path: str = "Patient/1", **headers: str) -> int:
        """The status of a FHIR request."""
        base = f"{self.url}/integrator/sites/{SYDNEY}/fhir/R4/"
        return httpx.get(base + path, headers=KEY | headers, timeout=30, trust_env=False).status_code

    def ledger(self) -> Any:
        """What `/admin/ledger` says; None while it cannot."""
        headers = {"authorization": f"Bearer {TOKEN}"}
        answer = httpx.get(f"{self.url}/admin/ledger", headers=headers, timeout=30, trust_env=False)
        return answer.json() if answer.status_code == 200 else None

    @property
    def billed(self) -> int:
        """Queries of all replicas; -1 while nobody can tell."""
        found = self.ledger()
        return int(found["totals"]["billed"]["queries"]) if found else -1

    @property
    def used(self) -> int:
        """Today's use as the cap sees it."""
        return sum(each["queries"]["used"] for each in (self.ledger() or {"caps": ()})["caps"])

    def warning(self) -> str:
        """What `/readyz` says of the ledger."""
        return str(httpx.get(f"{self.url}/readyz", timeout=30, trust_env=False).json())


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    with redis_server(*DURABLE) as running:
        yield running


Start = Callable[..., Replica]


@pytest.fixture
def start(pair: Pair, redis: RedisServer, tmp_path: Path) -> Iterator[Start]:
    """Starts a replica with a file of its own, or that of an earlier one."""
    with ExitStack() as stack:
        yield lambda name="one", cap=1_000: stack.enter_context(
            _served(pair, redis, tmp_path / f"{name}.sqlite3", cap)
        )


@contextmanager
def _served(pair: Pair, redis: RedisServer, path: Path, cap: int) -> Iterator[Replica]:
    configuration = path.with_suffix(".toml")
    configuration.write_text(
        CONFIGURATION.format(
            upstream=pair.emulator.url, site=SYDNEY, cap=cap, redis=redis.url, path=path, token=TOKEN
        )
    )
    command = [sys.executable, "-m", "gateway", "serve", "--port", "0", "--config", str(configuration)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as running:
        try:
            assert running.stdout is not None
            yield Replica(running, running.stdout.readline().split()[-1], configuration)
        finally:
            running.kill()


def _until(held: Callable[[], object]) -> None:
    until = monotonic() + 30
    while not held():
        assert monotonic() < until
        sleep(0.05)


def said(replica: Replica, *options: str) -> str:
    """What `halo-gateway ledger` prints."""
    result = CliRunner().invoke(main, ["ledger", "--config", str(replica.configuration), *options])
    assert result.exit_code == 0, result.output
    return result.output


def test_the_endpoint_and_the_command_say_what_all_replicas_were_charged(pair: Pair, start: Start) -> None:
    one, other = start("one"), start("other")
    for replica in (one, other, one):
        assert replica.get() == 200
    _until(lambda: one.billed == other.billed == 3)
    bill = pair.emulator.control("GET", "bill")
    found = one.ledger()["totals"]["billed"]
    assert (found["queries"], found["bytes"]) == (bill["queries"], bill["bytes"])
    assert said(one, "--csv", "--site", "sydney").splitlines()[1].endswith(f"billed,3,{bill['bytes']}")
    assert said(one).splitlines()[-1].split()[:2] == ["total", "3"]


def test_a_cap_stops_batch_work_at_every_replica_and_interactive_work_nowhere(start: Start) -> None:
    one, other = start("one", 4), start("other", 4)
    for replica in (one, other, one, other):
        assert replica.get(**BATCH) == 200
    _until(lambda: one.used == other.used == 4)
    for replica in (one, other):
        assert replica.get(**BATCH) == 429
        assert replica.get() == 200
    late = start("late", 4)
    assert late.get(**BATCH) == 429


def test_requests_go_on_while_redis_is_away_and_nothing_is_lost(redis: RedisServer, start: Start) -> None:
    one, other = start("one"), start("other")
    assert (one.get(), other.get()) == (200, 200)
    redis.stop()
    assert [replica.get() for replica in (one, other) * 5] == [200] * 10
    _until(lambda: "Redis is away" in one.warning())
    redis.start()
    _until(lambda: one.billed == other.billed == 12)
    _until(lambda: "Redis is away" not in one.warning())


def test_sigterm_loses_nothing_and_what_redis_did_not_get_comes_with_the_next_start(
    redis: RedisServer, start: Start
) -> None:
    one = start("one")
    assert [one.get() for _ in range(10)] == [200] * 10
    redis.stop()
    assert [one.get() for _ in range(10)] == [200] * 10
    one.running.send_signal(signal.SIGTERM)
    assert one.running.wait(30) == 0
    redis.start()
    again = start("one")
    _until(lambda: again.billed == 20)


def test_kill_9_loses_at_most_what_was_not_written_yet(start: Start) -> None:
    one, other = start("one"), start("other")
    assert [one.get() for _ in range(10)] == [200] * 10
    _until(lambda: other.billed == 10)
    assert [one.get() for _ in range(3)] == [200] * 3
    one.running.kill()
    one.running.wait(30)
    again = start("one")
    _until(lambda: 10 <= again.billed <= 13)


def test_what_is_refused_before_it_is_read_is_free_and_in_the_ledger(start: Start) -> None:
    one = start()
    base = f"{one.url}/integrator/sites/{SYDNEY}/fhir/R4"
    for path, headers in (("/Patient/1", {}), ("/Nonsense/1", KEY), ("/Patient//1", KEY)):
        assert httpx.get(base + path, headers=headers, trust_env=False).status_code >= 400
    assert one.get("Patient?birthdate=never") == 400
    rows = [(each["site"], each["type"], each["class"], each["queries"]) for each in one.ledger()["rows"]]
    assert sum(queries for *_, queries in rows) == 4
    assert {(site, cost) for site, _, cost, _ in rows} == {(SYDNEY, "free")}
