"""Two gateways under load while a master of their Redis dies with writes that no other server has."""

import os
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from subprocess import DEVNULL, PIPE, Popen
from threading import Event, Thread
from time import monotonic, sleep
from typing import NamedTuple

import httpx
import pytest
from conftest import KEY, Pair
from support.redis_groups import (
    cut_replication,
    redis_cluster,
    redis_sentinels,
    wait_until,
)
from support.redis_server import RedisServer
from support.secrets import SECRET

from gateway.emulator.sites import SYDNEY
from gateway.ledger.cost import CostClass
from gateway.ledger.redis_reader import read_rows

CONFIGURATION = """
[upstream]
url = "{upstream}"
[sites.{site}]
time_zone = "Australia/Sydney"
[cache]
keys = ["{secret}"]
[cache.redis]
url = "{redis}"
[ledger]
store = "redis"
path = "{path}"
[admin]
token = "{secret}"
"""
PATIENTS = (1, 2, 3, 4)
#: Stated bound of docs/cache.md for writes through another gateway, and the time until both use Redis again.
BOUND, RECOVERY = 1.0, 20.0
#: A Cluster, too, with FAILOVER_CLUSTER=1 (`make chaos`): it takes a minute.
KINDS = ["sentinel", *(["cluster"] if os.environ.get("FAILOVER_CLUSTER") == "1" else [])]
#: Seconds in which the ledger sends a count.
FLUSH = 1.0


@dataclass
class Gateway:
    """A process; `written`: the version of each patient that was last written through it."""

    url: str
    written: dict[int, int] = field(default_factory=dict)

    def path(self, patient: int) -> str:
        return f"{self.url}/integrator/sites/{SYDNEY}/fhir/R4/Patient/{patient}"

    def is_down(self, client: httpx.Client) -> bool:
        """Whether the shared store is not in use."""
        response = client.get(f"{self.url}/metrics", headers={"authorization": f"Bearer {SECRET}"})
        assert response.status_code == 200
        return "halo_gateway_shared_store_down 1.0" in response.text


class Write(NamedTuple):
    """A write that has ended."""

    patient: int
    version: int
    ended_at: float


class Read(NamedTuple):
    """A read: version found, last version written before it through the same gateway, and through any."""

    patient: int
    found: int
    own: int
    due: int
    time: float
    seconds: float


class Load:
    """Reads through both gateways, and writes in turn, each with a higher version as family name."""

    def __init__(self, gateways: list[Gateway], client: httpx.Client) -> None:
        self.gateways = gateways
        self.client = client
        self.ended = Event()
        self.is_writing = True
        self.writes: list[Write] = []
        self.reads: list[Read] = []
        self.failures: list[str] = []

    def write(self) -> None:
        bodies = {patient: self.client.get(self.gateways[0].path(patient)).json() for patient in PATIENTS}
        version = 0
        while not self.ended.wait(0.05):
            if not self.is_writing:
                continue
            version += 1
            gateway, patient = self.gateways[version % 2], PATIENTS[version // 2 % len(PATIENTS)]
            body = bodies[patient] | {"name": [{"family": f"v{version}", "given": ["Test"]}]}
            headers = {"content-type": "application/fhir+json"}
            response = self.client.put(gateway.path(patient), json=body, headers=headers)
            if response.status_code == httpx.codes.GATEWAY_TIMEOUT:
                continue  # a busy machine: this version may appear, but is not due
            self._note(response)
            gateway.written[patient] = version
            self.writes.append(Write(patient, version, monotonic()))

    def read(self, gateway: Gateway) -> None:
        for number in count():
            patient, start = PATIENTS[number % len(PATIENTS)], monotonic()
            own, due = gateway.written.get(patient, 0), self._version_before(patient, start - BOUND)
            response = self.client.get(gateway.path(patient))
            self._note(response)
            version = response.json()["name"][0]["family"].removeprefix("v")
            found = int(version) if version.isdigit() else 0
            self.reads.append(Read(patient, found, own, due, start, monotonic() - start))
            if self.ended.wait(0.002):
                return

    def _note(self, response: httpx.Response) -> None:
        if response.status_code != httpx.codes.OK:
            self.failures.append(f"{response.request.method} {response.status_code} {response.text[:300]}")

    def _version_before(self, patient: int, moment: float) -> int:
        writes = reversed(self.writes)
        found = (write.version for write in writes if write.patient == patient and write.ended_at <= moment)
        return next(found, 0)

    def wait_until(self, *, is_down: bool) -> float:
        """Wait until the shared store is down in one gateway, or up in both; return when."""
        wait_until(lambda: any(gateway.is_down(self.client) for gateway in self.gateways) is is_down)
        return monotonic()


@contextmanager
def running_load(gateways: list[Gateway]) -> Iterator[Load]:
    with httpx.Client(headers=KEY, timeout=20, trust_env=False) as client:
        load = Load(gateways, client)
        threads = [Thread(target=load.write), *(Thread(target=load.read, args=(one,)) for one in gateways)]
        for thread in threads:
            thread.start()
        try:
            yield load
        finally:
            load.ended.set()
            for thread in threads:
                thread.join()


@contextmanager
def servers_of(kind: str) -> Iterator[tuple[str, RedisServer]]:
    """URL, and the server that dies: the master, or the node with the ledger."""
    if kind == "sentinel":
        with redis_sentinels(count=3) as sentinels:
            yield sentinels.url, sentinels.master
    else:
        with redis_cluster(replicas=3) as cluster:
            yield cluster.url, cluster.owner_of("{ledger}")


def start_gateway(stack: ExitStack, pair: Pair, redis: str, path: Path) -> Gateway:
    configuration = path.with_suffix(".toml")
    configuration.write_text(
        CONFIGURATION.format(upstream=pair.emulator.url, site=SYDNEY, secret=SECRET, redis=redis, path=path)
    )
    command = [sys.executable, "-m", "gateway", "serve", "--port", "0", "--config", str(configuration)]
    process = stack.enter_context(Popen(command, stdout=PIPE, stderr=DEVNULL, text=True))
    stack.callback(process.terminate)
    assert process.stdout is not None
    return Gateway(process.stdout.readline().split()[-1])


def billed(redis: str) -> int:
    """Queries that reached the upstream by the ledger of both gateways."""
    return sum(row.queries for row in read_rows(redis) if row.key.cost is CostClass.BILLED)


@pytest.mark.parametrize("kind", KINDS)
def test_failover_serves_no_old_answer_and_doubles_no_count(pair: Pair, kind: str, tmp_path: Path) -> None:
    with servers_of(kind) as (redis, master), ExitStack() as stack:
        paths = tmp_path / "one.sqlite3", tmp_path / "two.sqlite3"
        with ThreadPoolExecutor() as executor:
            gateways = list(executor.map(lambda path: start_gateway(stack, pair, redis, path), paths))
        with running_load(gateways) as load:
            sleep(1.5)
            safe = len(pair.sent())
            sleep(FLUSH)
            cut_replication(master)
            sleep(1)
            load.is_writing = kind != "sentinel"  # no later write mends what Redis loses
            sleep(0.2)
            master.stop()
            killed, uncertain = monotonic(), len(pair.sent()) - safe
            load.wait_until(is_down=True)
            up = load.wait_until(is_down=False)
            sleep(1.5)
            load.is_writing = True
            sleep(1)
            wait_until(
                lambda: {read.patient for read in load.reads if read.time >= up + BOUND} == set(PATIENTS)
            )
        assert load.failures == []
        assert [read for read in load.reads if read.found < read.own] == []
        is_shared = [read for read in load.reads if not killed - 0.5 < read.time < up + BOUND]
        assert [read for read in is_shared if read.found < read.due] == []
        assert {read.patient for read in is_shared if read.time > up} == set(PATIENTS)
        assert up - killed < RECOVERY
        slowest = max(read.seconds for read in load.reads if killed - 0.5 < read.time < up)
        print(
            f"{kind}: used again after {up - killed:.1f} s, {len(load.reads)} reads, slowest {slowest:.2f} s"
        )
        sent = len(pair.sent())
        wait_until(lambda: sent - uncertain <= billed(redis))
        sleep(FLUSH)
        print(f"ledger: {billed(redis)} of {sent}, Redis may have lost {uncertain}")
        assert sent - uncertain <= billed(redis) <= sent
