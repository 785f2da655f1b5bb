"""Alternatives between the apps and Halo for a day, with the bill of each."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import httpx
import msgspec
from support.secrets import SECRET

from benchmarks.day.asgi_client import Client, call_app, client_of
from benchmarks.day.events import Event
from benchmarks.day.floor import fewest_queries
from benchmarks.day.halo import SETTINGS, Halo
from benchmarks.day.nginx_model import Nginx
from benchmarks.day.replay import Observations, replay
from benchmarks.day.trace import SCREENS, Day
from benchmarks.day.truth import Oracle
from benchmarks.day.virtual import Clock, run_simulated
from gateway.app import create_app
from gateway.emulator.sites import BRISBANE
from gateway.ledger.cost import CostClass
from gateway.settings import Settings
from gateway.settings.apps import App
from gateway.web.fast_path import FastPathMiddleware

TOKEN = SECRET
#: A practice as a probe of the emulator finds it.
_PROBED_SITE = {
    "time_zone": "Australia/Brisbane",
    "search": {"column_time_zones": {"*.*": "site"}, "date_precision": {"*.*": "frac"}},
    "last_updated_input": {"*": "ok"},
}
GATEWAY_SETTINGS = Settings.model_validate(
    {
        "upstream": {"url": "http://halo"},
        "sites": {BRISBANE: _PROBED_SITE},
        "admin": {"token": TOKEN},
    }
)
#: The same gateway with the apps of the trace: the 17 screens show data, and check-in books.
DISPLAY_APPS = frozenset(SCREENS.values())
DISPLAY_SETTINGS = GATEWAY_SETTINGS.model_copy(
    update={
        "apps": {
            **{name: App(user_agent=f"{name}/*", purpose="display") for name in sorted(DISPLAY_APPS)},
            "check-in": App(user_agent="check-in/*", purpose="booking"),
            "sync": App(user_agent="sync/*", purpose="sync"),
        }
    }
)


@dataclass(frozen=True)
class Bill:
    """Bill of a day by kind of traffic, `total` of the emulator's bill, and the apps' observations.

    `ledger`: queries and bytes that the gateway's ledger counts as billed.
    """

    queries: Counter[str]
    response_bytes: Counter[str]
    total: tuple[int, int]
    observations: Observations
    ledger: tuple[int, int] = (0, 0)


class InProcessTransport(httpx.AsyncBaseTransport):
    """httpx transport to an application of this process."""

    def __init__(self, halo: Halo) -> None:
        self._halo = halo

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Response of the application."""
        target = request.extensions.get("target", request.url.raw_path).decode()
        headers = [(name.lower(), value) for name, value in request.headers.raw]
        response = await call_app(self._halo, request.method, target, headers, request.read())
        return httpx.Response(response.status, headers=response.headers, content=response.body)


def prepare_day(start: float, end: float, *, slow: bool = True) -> tuple[Halo, list[Event]]:
    """Halo at `start`, and the events until `end`, both in seconds of the day."""
    halo = Halo(Clock(), slow)
    events = Day({name: list(rows.values()) for name, rows in halo.practice.tables.items()})
    halo.clock.seconds = start
    return halo, events.between(start, end)


def direct(start: float, end: float) -> Bill:
    """Replay the day with the apps connected to Halo."""
    halo, events = prepare_day(start, end)
    return _bill(halo, run_simulated(halo.clock, lambda: replay(events, client_of(halo), halo)))


def nginx(start: float, end: float, *, extra_seconds: int = 0) -> Bill:
    """Replay the day with the apps connected to the model of nginx; the oracle uses Halo's own responses.

    `extra_seconds` are added to the gateway's lifetimes.
    """
    halo, events = prepare_day(start, end)
    client = Nginx(client_of(halo), halo.clock, extra_seconds)
    return _bill(
        halo, run_simulated(halo.clock, lambda: replay(events, client, halo, Oracle(halo, SETTINGS)))
    )


def gateway(start: float, end: float) -> Bill:
    """Replay the day with the apps connected to the gateway, configured only with the time zone."""
    halo, events = prepare_day(start, end)
    oracle = Oracle(halo)
    return _bill(
        halo, *run_simulated(halo.clock, lambda: _through_gateway(halo, events, oracle, GATEWAY_SETTINGS))
    )


def display(start: float, end: float) -> Bill:
    """Replay the day with the apps connected to the gateway, the screens declared as `display`."""
    halo, events = prepare_day(start, end)
    oracle = Oracle(halo, display_apps=DISPLAY_APPS)
    return _bill(
        halo, *run_simulated(halo.clock, lambda: _through_gateway(halo, events, oracle, DISPLAY_SETTINGS))
    )


async def _through_gateway(
    halo: Halo, events: Sequence[Event], oracle: Oracle, settings: Settings
) -> tuple[Observations, tuple[int, int]]:
    app = create_app(
        settings,
        transport=InProcessTransport(halo),
        now=halo.clock.now,
        monotonic=lambda: halo.clock.now().timestamp(),
    )
    client: Client = client_of(FastPathMiddleware(app, app.state.http.hits))
    async with app.router.lifespan_context(app):
        observations = await replay(events, client, halo, oracle)
        lines = await call_app(
            app, "GET", "/admin/ledger", [(b"authorization", f"Bearer {TOKEN}".encode())], b""
        )
    return observations, _billed_totals(msgspec.json.decode(lines.body)["rows"])


def _billed_totals(lines: list[dict[str, Any]]) -> tuple[int, int]:
    billed_lines = [line for line in lines if line["class"] == CostClass.BILLED]
    return sum(line["queries"] for line in billed_lines), sum(line["bytes"] for line in billed_lines)


def floors(start: float, end: float) -> tuple[Counter[str], Counter[str]]:
    """Fewest queries by kind of traffic: with nothing configured, and with the screens as `display`."""
    halo, events = prepare_day(start, end)
    oracles = Oracle(halo), Oracle(halo, display_apps=DISPLAY_APPS)
    without_apps, with_apps = (fewest_queries(events, oracle) for oracle in oracles)
    return without_apps, with_apps


def _bill(halo: Halo, observations: Observations, ledger: tuple[int, int] = (0, 0)) -> Bill:
    bill = halo.state.bill
    total = bill.queries.total(), bill.response_bytes.total()
    assert total == (halo.queries.total(), halo.response_bytes.total()), (
        "every query belongs to a kind of traffic"
    )
    return Bill(halo.queries, halo.response_bytes, total, observations, ledger)
