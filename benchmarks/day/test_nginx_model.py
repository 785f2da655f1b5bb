"""Model of nginx compared with nginx for an hour of the trace: both have the same bill."""

import asyncio
from pathlib import Path

import pytest

from benchmarks import measure
from benchmarks.day.asgi_client import Client, client_of
from benchmarks.day.contenders import prepare_day
from benchmarks.day.events import HOUR, Event
from benchmarks.day.halo import Halo
from benchmarks.day.nginx_model import Nginx
from benchmarks.day.nginx_real import needs_nginx, nginx
from benchmarks.day.replay import replay_sequentially
from gateway.server.serve import ThreadedServer

pytestmark = [pytest.mark.bench, needs_nginx, pytest.mark.timeout(200)]

START, END = 8 * HOUR, 9 * HOUR


def test_nginx_model_has_the_bill_of_nginx(tmp_path: Path) -> None:
    model_halo, events = prepare_day(START, END, slow=False)
    model = Nginx(client_of(model_halo), model_halo.clock)
    real_halo, _ = prepare_day(START, END, slow=False)
    with ThreadedServer(real_halo) as server, nginx(server.url, real_halo.clock, tmp_path) as nginx_client:
        assert bill_after_replay(real_halo, events, nginx_client) == bill_after_replay(
            model_halo, events, model
        )
    queries = model_halo.state.bill.queries.total()
    measure.print_line(f"\nnginx and its model: {queries} queries each for {len(events)} events of the trace")


def bill_after_replay(halo: Halo, events: list[Event], client: Client) -> object:
    """Bill of the emulator by path."""
    asyncio.run(replay_sequentially(events, client, halo))
    return halo.state.bill.as_json()
