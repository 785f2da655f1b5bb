"""Who may stand between the apps and Halo for a day, and what each one's day costs."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import httpx
import msgspec

from benchmarks.day.asking import Ask, asked, asking
from benchmarks.day.events import Event
from benchmarks.day.halo import SETTINGS, Halo
from benchmarks.day.nginx_model import Nginx
from benchmarks.day.replay import Seen, replayed
from benchmarks.day.trace import Day
from benchmarks.day.truth import Truth
from benchmarks.day.virtual import Clock, simulated
from gateway.app import create_app
from gateway.emulator.sites import BRISBANE
from gateway.ledger.cost import CostClass
from gateway.settings import Settings
from gateway.web.fast_path import FastPathMiddleware

TOKEN = "synthetic-operator-token"  # noqa: S105 - a test's own
SET_UP = Settings.model_validate(
    {
        "upstream": {"url": "http://halo"},
        "sites": {BRISBANE: {"time_zone": "Australia/Brisbane"}},
        "admin": {"token": TOKEN},
    }
)


@dataclass(frozen=True)
class Bill:
    """A day's cost by kind of traffic, and in all as the emulator's own bill has it; what the apps saw.

    `ledger`: queries and bytes that the gateway says were billed.
    """

    queries: Counter[str]
    octets: Counter[str]
    total: tuple[int, int]
    seen: Seen
    ledger: tuple[int, int] = (0, 0)


class InProcess(httpx.AsyncBaseTransport):
    """Connections that lead to an application of this process."""

    def __init__(self, halo: Halo) -> None:
        self._halo = halo

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Its answer."""
        target = request.extensions.get("target", request.url.raw_path).decode()
        headers = [(name.lower(), value) for name, value in request.headers.raw]
        answer = await asked(self._halo, request.method, target, headers, request.read())
        return httpx.Response(answer.status, headers=answer.headers, content=answer.body)


def day(start: float, end: float, *, slow: bool = True) -> tuple[Halo, list[Event]]:
    """Halo as it is at that second of the day, and what happens until `end`."""
    halo = Halo(Clock(), slow)
    events = Day({name: list(rows.values()) for name, rows in halo.practice.tables.items()})
    halo.clock.seconds = start
    return halo, events.between(start, end)


def straight(start: float, end: float) -> Bill:
    """The apps ask Halo."""
    halo, events = day(start, end)
    return _bill(halo, simulated(halo.clock, lambda: replayed(events, asking(halo), halo)))


def nginx(start: float, end: float, *, longer: int = 0) -> Bill:
    """The apps ask nginx as `nginx_model` has it; its bodies are judged by what Halo itself would say.

    `longer`: seconds that it keeps everything beyond the gateway's lifetimes.
    """
    halo, events = day(start, end)
    ask = Nginx(asking(halo), halo.clock, longer)
    return _bill(halo, simulated(halo.clock, lambda: replayed(events, ask, halo, Truth(halo, SETTINGS))))


def gateway(start: float, end: float) -> Bill:
    """The apps ask the gateway, which has nothing configured but the practice's time zone."""
    halo, events = day(start, end)
    return _bill(halo, *simulated(halo.clock, lambda: _through_gateway(halo, events)))


async def _through_gateway(halo: Halo, events: Sequence[Event]) -> tuple[Seen, tuple[int, int]]:
    app = create_app(SET_UP, transport=InProcess(halo), now=halo.clock.now)
    ask: Ask = asking(FastPathMiddleware(app, app.state.http.hits))
    async with app.router.lifespan_context(app):
        seen = await replayed(events, ask, halo, Truth(halo))
        lines = await asked(
            app, "GET", "/admin/ledger", [(b"authorization", f"Bearer {TOKEN}".encode())], b""
        )
    return seen, _billed(msgspec.json.decode(lines.body)["rows"])


def _billed(lines: list[dict[str, Any]]) -> tuple[int, int]:
    found = [each for each in lines if each["class"] == CostClass.BILLED]
    return sum(each["queries"] for each in found), sum(each["bytes"] for each in found)


def _bill(halo: Halo, seen: Seen, ledger: tuple[int, int] = (0, 0)) -> Bill:
    bill = halo.state.bill
    total = bill.queries.total(), bill.response_bytes.total()
    assert total == (halo.queries.total(), halo.octets.total()), "every query is of some kind of traffic"
    return Bill(halo.queries, halo.octets, total, seen, ledger)
