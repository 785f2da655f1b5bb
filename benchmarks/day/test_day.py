"""A day of an integrator's traffic: Halo's bill without a gateway, behind nginx, behind this gateway.

The gateway takes part twice: with nothing configured, and with the screens declared as `display`.
"""

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

pytestmark = [pytest.mark.bench, pytest.mark.timeout(1_200)]

HEAD = (
    "",
    "requests",
    "none",
    "nginx",
    "gateway",
    "display",
    ": nginx",
    ": none",
    "display : nginx",
    ": none",
)
#: Contenders in the order of the columns.
COLUMNS = ("direct", "nginx", "gateway", "display")
Bills = Mapping[str, Bill]
LATE_VERDICTS: tuple[Verdict, ...] = ("too old", "older than a write")


def test_day_has_correct_responses_and_ledger_equals_bill() -> None:
    bills = _bills()
    gateway_bill, display_bill = bills["gateway"], bills["display"]
    _print_by_kind("queries billed in a day, by kind of traffic", bills, lambda bill: bill.queries)
    _print_by_kind("bytes billed in a day (kB)", bills, _kilobytes)
    _print_aims(bills)
    direct, nginx, gateway, display = (bills[name].observations for name in COLUMNS)
    for name, observations in (("gateway", gateway), ("display", display)):
        checked, wrong = observations.verdicts.total(), len(observations.wrong_bodies)
        ages = {app: round(age, 1) for app, age in observations.oldest_polls.items()}
        measure.print_line(
            f"{name}: {checked} bodies checked, {wrong} wrong; oldest polls in seconds: {ages}"
        )
    late = {name: nginx.verdicts[name] for name in LATE_VERDICTS}
    measure.print_line(f"nginx: {nginx.verdicts.total()} bodies checked, {late}")
    measure.print_line(f"the gateway's ledger: {gateway_bill.ledger}; the bill: {gateway_bill.total}")
    for bill in (gateway_bill, display_bill):
        assert not bill.observations.wrong_bodies, bill.observations.wrong_bodies[:5]
        assert bill.ledger == bill.total
    assert direct.requests == nginx.requests == gateway.requests == display.requests


def _bills() -> Bills:
    names = ("gateway", "display", "nginx", "direct")
    with ProcessPoolExecutor(2, get_context("spawn"), configure_logging, ("error",)) as processes:
        futures = {name: processes.submit(getattr(contenders, name), 0, 24 * HOUR) for name in names}
        return {name: future.result() for name, future in futures.items()}


def _print_by_kind(title: str, bills: Bills, counts_of: Callable[[Bill], Mapping[str, int]]) -> None:
    columns = [counts_of(bills[name]) for name in COLUMNS]
    requests = bills["direct"].observations.requests
    rows = [_row(kind, requests[kind], *(column.get(kind, 0) for column in columns)) for kind in requests]
    measure.print_table(
        title, HEAD, [*rows, _row("in all", requests.total(), *(sum(column.values()) for column in columns))]
    )


def _kilobytes(bill: Bill) -> dict[str, int]:
    return {kind: size // 1000 for kind, size in bill.response_bytes.items()}


def _row(kind: str, requests: int, none: int, nginx: int, gateway: int, display: int) -> tuple[str, ...]:
    ratios = (own / max(count, 1) for own in (gateway, display) for count in (nginx, none))
    return (
        kind,
        *(f"{count:,}" for count in (requests, none, nginx, gateway, display)),
        *(f"{ratio:.3f}" for ratio in ratios),
    )


def _print_aims(bills: Bills) -> None:
    none, nginx, gateway, display = (bills[name].total for name in COLUMNS)
    measure.print_aim("queries : nginx's", gateway[0] / nginx[0], 0.5)
    measure.print_aim("queries : none's", gateway[0] / none[0], 0.2)
    measure.print_aim("bytes : nginx's", gateway[1] / nginx[1], 0.5)
    measure.print_aim("bytes : none's", gateway[1] / none[1], 0.2)
    measure.print_aim("display: queries : nginx's", display[0] / nginx[0], 0.26)
    measure.print_aim("display: queries : none's", display[0] / none[0], 0.1)
    measure.print_aim("display: bytes : none's", display[1] / none[1], 0.12)
    for name, floor in zip(("gateway", "display"), contenders.floors(0, 24 * HOUR), strict=True):
        measure.print_line(
            f"{name}: the lifetimes need at least {floor.total():,} queries,"
            f" {floor.total() / nginx[0]:.3f} of nginx's: {dict(floor)}, further pages and writes apart"
        )
