"""A day of an integrator's traffic: Halo's bill without a gateway, behind nginx, behind this gateway."""

from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest

from benchmarks import measure
from benchmarks.day import contenders
from benchmarks.day.contenders import Bill
from benchmarks.day.events import HOUR
from benchmarks.day.truth import Verdict
from gateway.telemetry.log_config import configure_logging

pytestmark = [pytest.mark.bench, pytest.mark.timeout(600)]

HEAD = ("", "requests", "none", "nginx", "gateway", ": nginx", ": none")
Bills = Mapping[str, Bill]
LATE_VERDICTS: tuple[Verdict, ...] = ("too old", "older than a write")


def test_day_has_correct_responses_and_ledger_equals_bill() -> None:
    bills = _bills()
    direct_bill, nginx_bill, gateway_bill = bills["direct"], bills["nginx"], bills["gateway"]
    _print_by_kind("queries billed in a day, by kind of traffic", bills, lambda bill: bill.queries)
    _print_by_kind("bytes billed in a day (kB)", bills, _kilobytes)
    _print_aims("queries", *(bill.total[0] for bill in (gateway_bill, nginx_bill, direct_bill)))
    _print_aims("bytes", *(bill.total[1] for bill in (gateway_bill, nginx_bill, direct_bill)))
    direct, nginx, gateway = (bill.observations for bill in (direct_bill, nginx_bill, gateway_bill))
    measure.print_line(
        f"gateway: {gateway.verdicts.total()} bodies checked, {len(gateway.wrong_bodies)} wrong"
    )
    late = {name: nginx.verdicts[name] for name in LATE_VERDICTS}
    measure.print_line(f"nginx: {nginx.verdicts.total()} bodies checked, {late}")
    measure.print_line(f"the gateway's ledger: {gateway_bill.ledger}; the bill: {gateway_bill.total}")
    assert not gateway.wrong_bodies, gateway.wrong_bodies[:5]
    assert gateway_bill.ledger == gateway_bill.total
    assert direct.requests == nginx.requests == gateway.requests


def _bills() -> Bills:
    names = ("gateway", "nginx", "direct")
    with ProcessPoolExecutor(2, get_context("spawn"), configure_logging, ("error",)) as processes:
        futures = {name: processes.submit(getattr(contenders, name), 0, 24 * HOUR) for name in names}
        return {name: future.result() for name, future in futures.items()}


def _print_by_kind(title: str, bills: Bills, counts_of: Callable[[Bill], Mapping[str, int]]) -> None:
    columns = [counts_of(bills[name]) for name in ("direct", "nginx", "gateway")]
    requests = bills["direct"].observations.requests
    rows = [_row(kind, requests[kind], *(column.get(kind, 0) for column in columns)) for kind in requests]
    measure.print_table(
        title, HEAD, [*rows, _row("in all", requests.total(), *(sum(column.values()) for column in columns))]
    )


def _kilobytes(bill: Bill) -> dict[str, int]:
    return {kind: size // 1000 for kind, size in bill.response_bytes.items()}


def _row(kind: str, requests: int, none: int, nginx: int, gateway: int) -> tuple[str, ...]:
    return (
        kind,
        *(f"{count:,}" for count in (requests, none, nginx, gateway)),
        *(f"{gateway / max(count, 1):.3f}" for count in (nginx, none)),
    )


def _print_aims(unit: str, gateway: int, nginx: int, none: int) -> None:
    measure.print_aim(f"{unit} : nginx's", gateway / nginx, 0.5)
    measure.print_aim(f"{unit} : none's", gateway / none, 0.2)
