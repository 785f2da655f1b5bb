"""The model of nginx against nginx itself, for an hour of the trace: the same bill, line by line."""

import asyncio
from pathlib import Path

import pytest

from benchmarks import measure
from benchmarks.day.asking import Ask, asking
from benchmarks.day.contenders import day
from benchmarks.day.events import HOUR, Event
from benchmarks.day.halo import Halo
from benchmarks.day.nginx_model import Nginx
from benchmarks.day.nginx_real import needs_nginx, nginx
from benchmarks.day.replay import in_turn
from gateway.server.serve import ThreadedServer

pytestmark = [pytest.mark.bench, needs_nginx, pytest.mark.timeout(200)]

START, END = 8 * HOUR, 9 * HOUR


def test_the_model_of_nginx_is_billed_as_nginx_is(tmp_path: Path) -> None:
    modelled, events = day(START, END, slow=False)
    model = Nginx(asking(modelled), modelled.clock)
    real, _ = day(START, END, slow=False)
    with ThreadedServer(real) as server, nginx(server.url, real.clock, tmp_path) as client:
        assert bill(real, events, client) == bill(modelled, events, model)
    queries = modelled.state.bill.queries.total()
    measure.say(f"\nnginx and its model: {queries} queries each for {len(events)} events of the trace")


def bill(halo: Halo, events: list[Event], ask: Ask) -> object:
    """What the emulator charged, by path."""
    asyncio.run(in_turn(events, ask, halo))
    return halo.state.bill.as_json()
