"""Ledger compared with the emulator's bill, over real sockets, also after a kill."""

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
from end_to_end.ledger_gateway import TOKEN, ledger_gateway, settings_for
from structlog.testing import capture_logs

from gateway.cli.ledger import ReportForm, ledger_report
from gateway.emulator.sites import PERTH, SITES, SYDNEY
from gateway.ledger.caps import DailyCap
from gateway.ledger.cost import CostClass, LedgerRow
from gateway.ledger.ledger import Ledger
from gateway.ledger.report import totals_by_class
from gateway.ledger.sqlite_ledger import SqliteLedger
from gateway.ledger.sqlite_reader import read_rows
from gateway.server.serve import ThreadedServer
from gateway.settings import Settings

ADMIN = {"Authorization": f"Bearer {TOKEN}"}


@dataclass(frozen=True)
class Gateway:
    """A gateway with a ledger in front of the emulator."""

    pair: Pair
    url: str
    path: Path

    def get(self, path: str, guid: str = SYDNEY, **headers: str) -> httpx.Response:
        return self.ask("GET", f"/integrator/sites/{guid}/fhir/R4/{path}", b"", **headers)

    def ask(self, method: str, path: str, content: bytes = b"", **headers: str) -> httpx.Response:
        all_headers = KEY | headers
        return httpx.request(
            method, self.url + path, headers=all_headers, content=content, timeout=30, trust_env=False
        )

    def ledger(self, query: str = "") -> Any:
        return httpx.get(f"{self.url}/admin/ledger?{query}", headers=ADMIN, trust_env=False).json()

    def costs(self) -> dict[str, int]:
        """Queries by class, without zeros."""
        totals = self.ledger()["totals"]
        return {cost: total["queries"] for cost, total in totals.items() if total["queries"]}

    def bill(self) -> Any:
        return self.pair.emulator.control("GET", "bill")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.sqlite3"


@contextmanager
def serve_gateway(pair: Pair, path: Path, cap: DailyCap | None = None) -> Iterator[Gateway]:
    with ThreadedServer(
        ledger_gateway(settings_for(pair.emulator.url), Ledger(SqliteLedger(path)), cap)
    ) as server:
        yield Gateway(pair, server.url, path)


@pytest.fixture
def gateway(pair: Pair, path: Path) -> Iterator[Gateway]:
    with serve_gateway(pair, path) as running:
        yield running


READS = ("Patient/1", "Patient?_count=5", "Patient?birthdate=ne1980", "Slot?_count=3", "Patient/none")
SQL = b'{"command":{"text":"SELECT 1"}}'
JSON = {"content-type": "application/json"}


def test_ledger_of_reads_equals_the_bill(gateway: Gateway) -> None:
    for search in READS:
        gateway.get(search)
    bill, billed = gateway.bill(), gateway.ledger()["totals"]["billed"]
    assert (billed["queries"], billed["bytes"]) == (bill["queries"], bill["bytes"])
    assert billed["queries"] >= len(READS)


def test_metadata_and_site_status_are_free_and_sql_is_billed(gateway: Gateway) -> None:
    gateway.get("metadata")
    gateway.ask("GET", f"/integrator/sites/{SYDNEY}")
    assert gateway.costs() == {CostClass.FREE: 2}
    gateway.ask("POST", f"/integrator/sites/{SYDNEY}/queries/immediate", SQL, **JSON)
    assert gateway.costs() == {CostClass.FREE: 2, CostClass.BILLED: 1}
    assert (gateway.bill()["queries"], gateway.bill()["free"]) == (1, 2)
    assert {row["site"] for row in gateway.ledger()["rows"]} == {SYDNEY}


def test_ledger_of_sql_and_reads_equals_the_bill(gateway: Gateway) -> None:
    """Polls, pages, lists and deletes are no queries; what was submitted is, by its action."""
    queries = f"/integrator/sites/{SYDNEY}/queries"
    for _ in range(3):
        gateway.get("Patient/1")
        gateway.ask("POST", f"{queries}/immediate", SQL, **JSON)
        for method, path in (("GET", SYDNEY), ("GET", f"{SYDNEY}/results/1"), ("POST", "status")):
            gateway.ask(method, f"{queries}/{path}", b'{"queryIds":[]}', **JSON)
        gateway.ask("DELETE", f"{queries}/registered/{SYDNEY}")
    costs, bill = gateway.costs(), gateway.bill()
    assert costs[CostClass.BILLED] + costs.get(CostClass.MAYBE_BILLED, 0) == bill["queries"] == 6
    assert costs[CostClass.HALO_CLOUD] == 12
    rows = [row for row in gateway.ledger()["rows"] if row["interaction"].startswith("sql-")]
    assert {row["interaction"] for row in rows} == {
        *("sql-immediate", "sql-read", "sql-page", "sql-read-many", "sql-delete-registered")
    }
    assert {row["site"] for row in rows} == {SYDNEY}


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
        ({"kind": "login-failed"}, CostClass.FREE),
        *(
            (
                {"kind": "halo-link", "error_code": code},
                CostClass.FREE if code in {1, 4} else CostClass.MAYBE_BILLED,
            )
            for code in range(6)
        ),
        ({"kind": "sql-error", "error_code": 207}, CostClass.MAYBE_BILLED),
        ({"kind": "answer", "status": 400, "body": {"status": 400, "message": "no"}}, CostClass.MAYBE_BILLED),
    ],
)
def test_bill_lies_between_billed_and_billed_with_maybe(
    gateway: Gateway, fault: dict[str, Any], cost: CostClass
) -> None:
    """For FHIR and SQL: a pause or circuit by the first does not stop another key's query."""
    gateway.pair.fault(**fault)
    assert gateway.get("Patient/1").status_code >= 400
    queries = f"/integrator/sites/{SYDNEY}/queries/immediate"
    fields = JSON | {"Ocp-Apim-Subscription-Key": "other-key", "Accept": "application/fhir+json"}
    assert gateway.ask("POST", queries, SQL, **fields).status_code >= 400
    costs = gateway.costs()
    assert costs == {cost: 2}
    billed_queries = costs.get(CostClass.BILLED, 0)
    assert (
        billed_queries <= gateway.bill()["queries"] <= billed_queries + costs.get(CostClass.MAYBE_BILLED, 0)
    )


def test_requests_without_upstream_request_are_empty_or_free(gateway: Gateway) -> None:
    assert gateway.get("Patient?birthdate=ge2001&birthdate=lt2000").json()["total"] == 0
    assert gateway.get("Patient?birthdate=never").status_code == 400
    assert gateway.costs() == {CostClass.EMPTY: 1, CostClass.FREE: 1}
    assert gateway.bill()["queries"] == 0


def test_ledger_has_local_days_by_site_and_no_patients(gateway: Gateway) -> None:
    gateway.get("Patient?family=Zzyzx", PERTH)
    gateway.get("Patient/1", SYDNEY)
    rows = gateway.ledger()["rows"]
    assert {row["site"] for row in rows} == {PERTH, SYDNEY}
    for row in rows:
        assert row["day"] == datetime.now(SITES[row["site"]].zone).date().isoformat()
    assert {row["caller"] for row in rows} != {KEY["Ocp-Apim-Subscription-Key"]}
    content = b"".join(file.read_bytes() for file in gateway.path.parent.iterdir())
    metrics = httpx.get(f"{gateway.url}/metrics", trust_env=False).content
    assert b"Patient" in content
    for output in (content, metrics, str(gateway.ledger()).encode()):
        assert b"Zzyzx" not in output
        assert b"demo-key" not in output


def test_metrics_equal_the_ledger(gateway: Gateway) -> None:
    for _ in range(3):
        gateway.get("Patient/1")
    metrics = httpx.get(f"{gateway.url}/metrics", trust_env=False).text
    labels = 'outcome="fired",repair="last-updated-offset"'
    assert 'halo_gateway_requests_total{cost="billed",site="Sydney",type="Patient"} 3.0' in metrics
    assert 'halo_gateway_upstream_request_duration_seconds_count{site="Sydney"} 3.0' in metrics
    assert f'halo_gateway_repairs_total{{{labels},site="Sydney"}} 3.0' in metrics


def test_batch_requests_are_rejected_at_the_cap_after_restart(pair: Pair, path: Path) -> None:
    cap = DailyCap(queries=2, rejects_batch=True)
    with serve_gateway(pair, path, cap) as gateway:
        assert [gateway.get("Patient/1", priority="u=7").status_code for _ in range(3)] == [200, 200, 429]
    with serve_gateway(pair, path, cap) as gateway, capture_logs():
        rejected = gateway.get("Patient/1", priority="u=7")
        assert rejected.status_code == 429
        assert 0 < int(rejected.headers["retry-after"]) <= 25 * 3_600
        assert rejected.json()["issue"][0]["code"] == "throttled"
        assert gateway.get("Patient/1").status_code == 200
        (cap_status,) = gateway.ledger()["caps"]
        assert cap_status["queries"] == {"used": 3, "cap": 2}


def test_report_reads_beside_the_running_gateway(gateway: Gateway) -> None:
    gateway.get("Patient/1")
    gateway.ledger()
    sites = {SYDNEY: {"name": "Halo Clinic Sydney"}, PERTH: {"name": "Halo Clinic Perth"}}
    settings = Settings.model_validate({"sites": sites, "ledger": {"path": gateway.path}})
    assert "Halo Clinic Sydney" in ledger_report(settings)
    head, row = ledger_report(settings, SYDNEY, form=ReportForm(csv=True)).splitlines()
    assert head.endswith("class,queries,bytes")
    assert ",Patient,read,billed,1," in row
    assert len(ledger_report(settings, PERTH, form=ReportForm(csv=True)).splitlines()) == 1


@contextmanager
def process(pair: Pair, path: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run a gateway in a separate process and yield the process and its URL."""
    program = Path(__file__).with_name("ledger_gateway.py")
    command = [sys.executable, str(program), pair.emulator.url, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            yield server, server.stdout.readline().split()[-1]
        finally:
            server.kill()


def billed_in(rows: list[LedgerRow]) -> int:
    return totals_by_class(rows)[CostClass.BILLED].queries


def send_requests(url: str, times: int) -> None:
    with httpx.Client(headers=KEY, trust_env=False) as client:
        for _ in range(times):
            assert client.get(f"{url}/integrator/sites/{SYDNEY}/fhir/R4/Patient/1").status_code == 200


def test_sigterm_loses_nothing(pair: Pair, path: Path) -> None:
    with process(pair, path) as (server, url):
        send_requests(url, 40)
        server.send_signal(signal.SIGTERM)
        assert server.wait(20) == 0
    assert billed_in(read_rows(path)) == 40


def test_kill_9_loses_at_most_unwritten_counts(pair: Pair, path: Path) -> None:
    with process(pair, path) as (server, url):
        send_requests(url, 20)
        deadline = time.monotonic() + 20
        while billed_in(read_rows(path)) < 20:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        send_requests(url, 5)
        server.kill()
        server.wait(20)
    assert 20 <= billed_in(read_rows(path)) <= 25
    with serve_gateway(pair, path) as gateway:
        gateway.get("Patient/1")
        assert 21 <= gateway.costs()[CostClass.BILLED] <= 26
