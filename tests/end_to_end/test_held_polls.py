"""Held polls over real sockets, with a small Halo Cloud behind the gateway."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event, Thread
from time import monotonic

import httpx
import pytest
from conftest import KEY
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from structlog.testing import capture_logs
from support.sockets import connect, until

from gateway.app import create_app
from gateway.server.serve import ThreadedServer
from gateway.settings import Settings

GUID = "0a1b2c3d-0000-4000-8000-00000000000a"
PATH = f"/integrator/sites/{GUID}/queries/00000000-0000-4000-8000-0000000000aa"


@dataclass
class Cloud:
    """Halo Cloud with one query: its states in turn, the last for good."""

    states: list[str] = field(default_factory=lambda: ["executing"])
    status: int = 200
    polls: int = 0

    async def answer(self, request: Request) -> Response:
        self.polls += 1
        state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        content = {"id": request.path_params["query"], "status": state, "spacing": " as  sent "}
        return JSONResponse(content, self.status)


@dataclass
class World:
    cloud: Cloud
    server: ThreadedServer

    def poll(self, prefer: str, timeout: float = 30) -> httpx.Response:
        headers = KEY | {"prefer": prefer}
        return httpx.get(self.server.url + PATH, headers=headers, timeout=timeout, trust_env=False)


@contextmanager
def gateway(cloud: Cloud, requests_per_second: float | None = None) -> Iterator[World]:
    route = Route("/integrator/sites/{guid}/queries/{query}", cloud.answer)
    with capture_logs(), ThreadedServer(Starlette(routes=[route])) as upstream:
        halo = {"url": upstream.url, "requests_per_second": requests_per_second}
        settings = Settings.model_validate({"upstream": halo})
        with ThreadedServer(create_app(settings)) as server:
            yield World(cloud, server)


@pytest.fixture
def world() -> Iterator[World]:
    with gateway(Cloud()) as found:
        yield found


def test_poll_is_held_until_the_query_is_final(world: World) -> None:
    world.cloud.states = ["queued", "executing", "successful"]
    response = world.poll("wait=20")
    assert (response.status_code, response.headers["preference-applied"]) == (200, "wait=20")
    assert (
        response.content == b'{"id":"%s","status":"successful","spacing":" as  sent "}' % PATH[-36:].encode()
    )
    assert world.cloud.polls == 3


def test_poll_without_preference_is_answered_at_once(world: World) -> None:
    response = world.poll("respond-async")
    assert (response.json()["status"], world.cloud.polls) == ("executing", 1)
    assert "preference-applied" not in response.headers


def test_error_that_tells_of_the_query_is_returned_at_once(world: World) -> None:
    world.cloud.status = 404
    started = monotonic()
    assert world.poll("wait=20").status_code == 404
    assert monotonic() - started < 5


def test_busy_key_neither_ends_a_hold_nor_starves_it() -> None:
    with gateway(Cloud(), requests_per_second=16) as world, ThreadPoolExecutor(9) as pool:
        has_ended = Event()
        for _ in range(8):
            pool.submit(poll_until, has_ended, world)
        response = world.poll("wait=8")
        has_ended.set()
        assert (response.status_code, response.json()["status"]) == (200, "successful")


def poll_until(has_ended: Event, world: World) -> None:
    """Send other requests with the same key, one after the other; after one second the query is done."""
    while not has_ended.is_set():
        world.poll("respond-async")
        world.cloud.states = ["successful"] if world.cloud.polls > 8 else ["executing"]


def test_polling_stops_when_the_client_disconnects(world: World) -> None:
    with connect(world.server) as client:
        head = "".join(f"{name}: {value}\r\n" for name, value in (KEY | {"Prefer": "wait=30"}).items())
        client.sendall(f"GET {PATH} HTTP/1.1\r\nHost: gw\r\n{head}\r\n".encode())
        until(lambda: world.cloud.polls >= 2)
    Event().wait(0.3)
    polls = world.cloud.polls
    Event().wait(2.5)
    assert world.cloud.polls == polls


def test_shutdown_answers_polls_at_once() -> None:
    responses: list[httpx.Response] = []
    with gateway(Cloud()) as world:
        client = Thread(target=lambda: responses.append(world.poll("wait=30", 60)))
        client.start()
        until(lambda: world.cloud.polls)
        started = monotonic()
    client.join()
    assert monotonic() - started < 5
    assert (responses[0].status_code, responses[0].json()["status"]) == (200, "executing")
