"""A day of an integrator's traffic: what Halo bills without a gateway, behind nginx, behind this gateway."""

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
LATE: tuple[Verdict, ...] = ("too old", "older than a write")


def test_a_day_of_traffic_is_answered_rightly_and_billed_as_the_ledger_says() -> None:
    bills = _bills()
    none, nginx, ours = bills["straight"], bills["nginx"], bills["gateway"]
    _show("queries billed in a day, by kind of traffic", bills, lambda each: each.queries)
    _show("bytes billed in a day (kB)", bills, lambda each: {k: v // 1000 for k, v in each.octets.items()})
    _aims("queries", *(each.total[0] for each in (ours, nginx, none)))
    _aims("bytes", *(each.total[1] for each in (ours, nginx, none)))
    measure.say(f"gateway: {ours.seen.verdicts.total()} bodies checked, {len(ours.seen.wrong)} wrong")
    late = {name: nginx.seen.verdicts[name] for name in LATE}
    measure.say(f"nginx: {nginx.seen.verdicts.total()} bodies checked, {late}")
    measure.say(f"the gateway's ledger: {ours.ledger}; the bill: {ours.total}")
    assert not ours.seen.wrong, ours.seen.wrong[:5]
    assert ours.ledger == ours.total
    assert none.seen.asked == nginx.seen.asked == ours.seen.asked


def _bills() -> Bills:
    names = ("gateway", "nginx", "straight")
    with ProcessPoolExecutor(2, get_context("spawn"), configure_logging, ("error",)) as processes:
        running = {name: processes.submit(getattr(contenders, name), 0, 24 * HOUR) for name in names}
        return {name: each.result() for name, each in running.items()}


def _show(title: str, bills: Bills, part: Callable[[Bill], Mapping[str, int]]) -> None:
    columns = [part(bills[name]) for name in ("straight", "nginx", "gateway")]
    asked = bills["straight"].seen.asked
    rows = [_row(kind, asked[kind], *(each.get(kind, 0) for each in columns)) for kind in asked]
    measure.show(
        title, HEAD, [*rows, _row("in all", asked.total(), *(sum(each.values()) for each in columns))]
    )


def _row(kind: str, asked: int, none: int, nginx: int, ours: int) -> tuple[str, ...]:
    return (
        kind,
        *(f"{each:,}" for each in (asked, none, nginx, ours)),
        *(f"{ours / max(each, 1):.3f}" for each in (nginx, none)),
    )


def _aims(what: str, ours: int, nginx: int, none: int) -> None:
    measure.aim(f"{what} : nginx's", ours / nginx, 0.5)
    measure.aim(f"{what} : none's", ours / none, 0.2)
