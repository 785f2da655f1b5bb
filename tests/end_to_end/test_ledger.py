"""The ledger beside the emulator's own bill, over real sockets, and what is left of it after a kill."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from conftest import KEY, Pair
from end_to_end.ledgered import TOKEN, ledgered, settings_for
from structlog.testing import capture_logs

from gateway.cli.ledger import ledger_report
from gateway.emulator.sites import PERTH, SITES, SYDNEY
from gateway.ledger.caps import DailyCap
from gateway.ledger.cost import CostClass, LedgerRow
from gateway.ledger.ledger import Ledger
from gateway.ledger.report import totals_by_class
from gateway.ledger.sqlite_ledger import SqliteLedger, read_rows
from gateway.server.serve import ThreadedServer
from gateway.settings import Settings

ADMIN = {"Authorization": f"Bearer {TOKEN}"}


@dataclass(frozen=True)
class Gateway:
    """A gateway with a ledger in front of the session's emulator."""

    pair: Pair
    url: str
    path: Path

    def get(self, path: str, guid: str = SYDNEY, **headers: str) -> httpx.Response:
        return self.ask("GET", f"/integrator/sites/{guid}/fhir/R4/{path}", b"", **headers)

    def ask(self, method: str, path: str, content: bytes = b"", **headers: str) -> httpx.Response:
        given = KEY | headers
        return httpx.request(
            method, self.url + path, headers=given, content=content, timeout=30, trust_env=False
        )

    def ledger(self, query: str = "") -> Any:
        return httpx.get(f"{self.url}/admin/ledger?{query}", headers=ADMIN, trust_env=False).json()

    def costs(self) -> dict[str, int]:
        """Queries by class, without zeros."""
        found = self.ledger()["totals"]
        return {cost: each["queries"] for cost, each in found.items() if each["queries"]}

    def bill(self) -> Any:
        return self.pair.emulator.control("GET", "bill")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.sqlite3"


@contextmanager
def serving(pair: Pair, path: Path, cap: DailyCap | None = None) -> Iterator[Gateway]:
    with ThreadedServer(
        ledgered(settings_for(pair.emulator.url), Ledger(SqliteLedger(path)), cap)
    ) as running:
        yield Gateway(pair, running.url, path)


@pytest.fixture
def gateway(pair: Pair, path: Path) -> Iterator[Gateway]:
    with serving(pair, path) as running:
        yield running


ASKED = ("Patient/1", "Patient?_count=5", "Patient?birthdate=ne1980", "Slot?_count=3", "Patient/none")
SQL = b'{"command":{"text":"SELECT 1"}}'
JSON = {"content-type": "application/json"}


def test_reads_and_searches_are_billed_to_the_byte(gateway: Gateway) -> None:
    for asked in ASKED:
        gateway.get(asked)
    bill, counted = gateway.bill(), gateway.ledger()["totals"]["billed"]
    assert (counted["queries"], counted["bytes"]) == (bill["queries"], bill["bytes"])
    assert counted["queries"] >= len(ASKED)


def test_metadata_and_site_status_are_free_and_sql_is_not(gateway: Gateway) -> None:
    gateway.get("metadata")
    gateway.ask("GET", f"/integrator/sites/{SYDNEY}")
    assert gateway.costs() == {CostClass.FREE: 2}
    gateway.ask("POST", f"/integrator/sites/{SYDNEY}/queries/immediate", SQL, **JSON)
    assert gateway.costs() == {CostClass.FREE: 2, CostClass.BILLED: 1}
    assert (gateway.bill()["queries"], gateway.bill()["free"]) == (1, 2)
    assert {each["site"] for each in gateway.ledger()["rows"]} == {SYDNEY}


@pytest.mark.parametrize(
    ("fault", "cost"),
    [
        ({"kind": "no-contact"}, CostClass.FREE),
        ({"kind": "offline"}, CostClass.FREE),
        ({"kind": "unreachable"}, CostClass.FREE),
        ({"kind": "quota"}, CostClass.FREE),
        ({"kind": "rate-limit", "per_second": 0}, CostClass.FREE),
        ({"kind": "slow-query"}, CostClass.MAYBE_BILLED),
        ({"kind": "reset"}, CostClass.MAYBE_BILLED),
        ({"kind": "truncate"}, CostClass.MAYBE_BILLED),
        ({"kind": "hang"}, CostClass.MAYBE_BILLED),
        ({"kind": "too-large"}, CostClass.BILLED),
        ({"kind": "answer", "status": 400, "body": {"status": 400, "message": "no"}}, CostClass.MAYBE_BILLED),
    ],
)
def test_the_invoice_lies_between_billed_and_billed_with_maybe(
    gateway: Gateway, fault: dict[str, Any], cost: CostClass
) -> None:
    gateway.pair.fault(**fault)
    assert gateway.get("Patient/1").status_code >= 400
    found = gateway.costs()
    assert found == {cost: 1}
    surely = found.get(CostClass.BILLED, 0)
    assert surely <= gateway.bill()["queries"] <= surely + found.get(CostClass.MAYBE_BILLED, 0)


def test_what_the_gateway_answers_by_itself_is_empty_or_free(gateway: Gateway) -> None:
    assert gateway.get("Patient?birthdate=ge2001&birthdate=lt2000").json()["total"] == 0
    assert gateway.get("Patient?birthdate=never").status_code == 400
    assert gateway.costs() == {CostClass.EMPTY: 1, CostClass.FREE: 1}
    assert gateway.bill()["queries"] == 0


def test_the_ledger_is_by_site_in_its_own_day_and_names_no_patient(gateway: Gateway) -> None:
    gateway.get("Patient?family=Zzyzx", PERTH)
    gateway.get("Patient/1", SYDNEY)
    rows = gateway.ledger()["rows"]
    assert {each["site"] for each in rows} == {PERTH, SYDNEY}
    for each in rows:
        assert each["day"] == datetime.now(SITES[each["site"]].zone).date().isoformat()
    assert {each["caller"] for each in rows} != {KEY["Ocp-Apim-Subscription-Key"]}
    content = b"".join(each.read_bytes() for each in gateway.path.parent.iterdir())
    metrics = httpx.get(f"{gateway.url}/metrics", trust_env=False).content
    assert b"Patient" in content
    for said in (content, metrics, str(gateway.ledger()).encode()):
        assert b"Zzyzx" not in said
        assert b"demo-key" not in said


def test_the_metrics_say_the_same_as_the_ledger(gateway: Gateway) -> None:
    for _ in range(3):
        gateway.get("Patient/1")
    metrics = httpx.get(f"{gateway.url}/metrics", trust_env=False).text
    fired = 'outcome="fired",repair="last-updated-offset"'
    assert 'halo_gateway_requests_total{cost="billed",site="Sydney",type="Patient"} 3.0' in metrics
    assert 'halo_gateway_upstream_request_duration_seconds_count{site="Sydney"} 3.0' in metrics
    assert f'halo_gateway_repairs_total{{{fired},site="Sydney"}} 3.0' in metrics


def test_batch_work_stops_at_the_cap_also_after_a_restart(pair: Pair, path: Path) -> None:
    cap = DailyCap(queries=2, rejects_batch=True)
    with serving(pair, path, cap) as gateway:
        assert [gateway.get("Patient/1", priority="u=7").status_code for _ in range(3)] == [200, 200, 429]
    with serving(pair, path, cap) as gateway, capture_logs():
        refused = gateway.get("Patient/1", priority="u=7")
        assert refused.status_code == 429
        assert 0 < int(refused.headers["retry-after"]) <= 25 * 3_600
        assert refused.json()["issue"][0]["code"] == "throttled"
        assert gateway.get("Patient/1").status_code == 200
        (standing,) = gateway.ledger()["caps"]
        assert standing["queries"] == {"used": 3, "cap": 2}


def test_the_report_reads_beside_the_running_gateway(gateway: Gateway) -> None:
    gateway.get("Patient/1")
    gateway.ledger()
    named = {SYDNEY: {"name": "Halo Clinic Sydney"}}
    kept = Settings.model_validate({"sites": named, "ledger": {"path": gateway.path}})
    assert "Halo Clinic Sydney" in ledger_report(kept)
    head, row = ledger_report(kept, SYDNEY, csv=True).splitlines()
    assert head.endswith("class,queries,bytes")
    assert ",Patient,read,billed,1," in row
    assert len(ledger_report(kept, PERTH, csv=True).splitlines()) == 1


@contextmanager
def process(pair: Pair, path: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A gateway in a process of its own, and its address."""
    program = Path(__file__).with_name("ledgered.py")
    command = [sys.executable, str(program), pair.emulator.url, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        try:
            assert running.stdout is not None
            yield running, running.stdout.readline().split()[-1]
        finally:
            running.kill()


def billed(rows: list[LedgerRow]) -> int:
    return totals_by_class(rows)[CostClass.BILLED].queries


def answered(url: str, times: int) -> None:
    with httpx.Client(headers=KEY, trust_env=False) as client:
        for _ in range(times):
            assert client.get(f"{url}/integrator/sites/{SYDNEY}/fhir/R4/Patient/1").status_code == 200


def test_sigterm_loses_nothing(pair: Pair, path: Path) -> None:
    with process(pair, path) as (running, url):
        answered(url, 40)
        running.send_signal(signal.SIGTERM)
        assert running.wait(20) == 0
    assert billed(read_rows(path)) == 40


def test_kill_9_loses_at_most_what_was_not_written_yet(pair: Pair, path: Path) -> None:
    with process(pair, path) as (running, url):
        answered(url, 20)
        until = time.monotonic() + 20
        while billed(read_rows(path)) < 20:
            assert time.monotonic() < until
            time.sleep(0.05)
        answered(url, 5)
        running.kill()
        running.wait(20)
    assert 20 <= billed(read_rows(path)) <= 25
    with serving(pair, path) as gateway:
        gateway.get("Patient/1")
        assert 21 <= gateway.costs()[CostClass.BILLED] <= 26
