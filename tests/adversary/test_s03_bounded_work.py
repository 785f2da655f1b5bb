"""S3: one small request stops the process. Each row is refused, and holds the loop for less than 10 ms."""

from collections.abc import Iterator
from functools import partial

import httpx
import pytest
from adversary.costly_requests import ATTACKS, BATCHES, LARGEST, send
from conftest import Running, settings_for
from structlog.testing import capture_logs
from support.loop_watch import LoopWatch

from gateway.app import create_app
from gateway.emulator.serve import RunningEmulator
from gateway.server.serve import ThreadedServer
from gateway.settings import Cache

#: Seconds for which a request that is not sent upstream may hold the loop.
MAX_TURN = 0.010


@pytest.fixture(scope="module")
def watched(running: Running) -> Iterator[tuple[LoopWatch, str, RunningEmulator]]:
    emulator = running.pair().emulator
    settings = settings_for(emulator.url).model_copy(update={"cache": Cache()})
    app = LoopWatch(create_app(settings))
    with capture_logs(), ThreadedServer(app) as server:
        assert httpx.get(f"{server.url}/livez", trust_env=False).status_code == 200
        yield app, server.url, emulator


@pytest.mark.parametrize("name", ATTACKS)
def test_attack_is_refused_and_the_loop_goes_on(
    watched: tuple[LoopWatch, str, RunningEmulator], name: str
) -> None:
    watch, url, emulator = watched
    emulator.control("POST", "reset")
    response = send(url, ATTACKS[name])
    seconds = watch.longest_turn(partial(send, url, ATTACKS[name]), MAX_TURN)
    assert 400 <= response.status_code < 500
    assert response.status_code not in {401, 403}
    assert response.json()["resourceType"] == "OperationOutcome"
    assert emulator.control("GET", "requests") == []
    assert seconds < MAX_TURN


@pytest.mark.parametrize("name", LARGEST)
def test_largest_permitted_request_holds_the_loop_shortly(
    watched: tuple[LoopWatch, str, RunningEmulator], name: str
) -> None:
    watch, url, _ = watched
    assert send(url, LARGEST[name]).status_code in {400, 401, 503}
    assert watch.longest_turn(partial(send, url, LARGEST[name]), MAX_TURN) < MAX_TURN


@pytest.mark.parametrize("name", BATCHES)
def test_batch_at_the_limits_holds_the_loop_shortly(
    watched: tuple[LoopWatch, str, RunningEmulator], name: str
) -> None:
    watch, url, _ = watched
    assert send(url, BATCHES[name]).status_code in {200, 401}
    assert watch.longest_turn(partial(send, url, BATCHES[name]), MAX_TURN) < MAX_TURN
