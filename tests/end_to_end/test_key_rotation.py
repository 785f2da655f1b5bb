"""Rotation of keys over two running gateways on one Redis, restarted in both orders: links and purges."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from itertools import product
from time import sleep

import httpx
import pytest
from conftest import KEY, Pair, settings_for
from structlog.testing import capture_logs
from support.redis_server import RedisServer, redis_server

from gateway.app import create_app
from gateway.cli.key_rotation import new_key
from gateway.emulator.sites import SYDNEY
from gateway.server.serve import ThreadedServer
from gateway.settings import Admin, Cache, Paging, Server

NOW = datetime(2026, 4, 1, 9, 30, tzinfo=UTC)
OLD, NEW = new_key(NOW), new_key(NOW + timedelta(days=1))
TOKEN = new_key(NOW + timedelta(days=2))
#: The list of keys at each step of `halo-gateway keys rotate`.
STEPS: tuple[tuple[str, ...], ...] = ((OLD,), (OLD, NEW), (NEW, OLD))
BASE = f"/integrator/sites/{SYDNEY}/fhir/R4"
PUBLIC = "https://gateway.example"


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    with redis_server() as running:
        yield running


class Replicas:
    """Two gateways, each with lists of keys of its own; `restart` replaces one."""

    def __init__(self, upstream: str, redis: str, stack: ExitStack, setting: str) -> None:
        self._settings = settings_for(upstream)
        self._redis = redis
        self._setting = setting
        self._stacks = [stack.enter_context(ExitStack()) for _ in range(2)]
        self.urls = ["", ""]

    def restart(self, number: int, keys: Sequence[str]) -> None:
        """Replace a gateway by one with these keys."""
        self._stacks[number].close()
        paging, caching = (keys if each == self._setting else (OLD,) for each in ("paging", "cache"))
        cache = Cache.model_validate({"redis": {"url": self._redis, "timeout": 10}, "keys": list(caching)})
        server = Server.model_validate({"public_url": PUBLIC})
        changes = {
            "cache": cache,
            "server": server,
            "paging": Paging.model_validate({"keys": list(paging)}),
            "admin": Admin.model_validate({"token": TOKEN}),
        }
        app = create_app(self._settings.model_copy(update=changes))
        self.urls[number] = self._stacks[number].enter_context(ThreadedServer(app)).url

    def get(self, number: int, path: str) -> httpx.Response:
        url = self.urls[number] + path
        return httpx.get(url, headers=KEY, timeout=30, trust_env=False)


@pytest.fixture
def replicas(request: pytest.FixtureRequest, pair: Pair, redis: RedisServer) -> Iterator[Replicas]:
    with capture_logs(), ExitStack() as stack:
        running = Replicas(pair.emulator.url, redis.url, stack, request.param)
        for number in (0, 1):
            running.restart(number, STEPS[0])
        yield running


def path_of_next(response: httpx.Response) -> str:
    """Path and query of the link `next`, which names the public host."""
    assert response.status_code == 200, response.text
    (url,) = [link["url"] for link in response.json()["link"] if link["relation"] == "next"]
    return str(url).removeprefix(PUBLIC)


def first_links(replicas: Replicas, salt: int) -> list[str]:
    """Begin a search at each replica; `salt` makes it one that no other test has stored."""
    search = f"{BASE}/Patient?_count=2&birthdate=ge{1900 + salt}-01-01"
    return [path_of_next(replicas.get(number, search)) for number in (0, 1)]


BOTH_ORDERS = pytest.mark.parametrize("order", [(0, 1), (1, 0)])


@pytest.mark.parametrize("replicas", ["paging"], indirect=True)
@BOTH_ORDERS
def test_links_survive_the_rotation_in_both_orders(replicas: Replicas, order: tuple[int, int]) -> None:
    links = first_links(replicas, order[0])
    for step, keys in enumerate(STEPS[1:], 1):
        for number in order:
            replicas.restart(number, keys)
            links += first_links(replicas, 2 * step + number + 10 * order[0])
            for link in links:
                assert [replicas.get(each, link).status_code for each in (0, 1)] == [200, 200]


def wait_for_hit(replicas: Replicas, number: int, path: str) -> None:
    """Read until a stored response is served."""
    for _ in range(20):
        if "hit" in replicas.get(number, path).headers["cache-status"]:
            return
    raise AssertionError("no response was served from the cache")


@pytest.mark.parametrize("replicas", ["cache"], indirect=True)
@BOTH_ORDERS
def test_purge_reaches_what_any_key_has_stored(replicas: Replicas, order: tuple[int, int]) -> None:
    path = f"{BASE}/Patient/1"
    for keys in STEPS[1:]:
        for number in order:
            replicas.restart(number, keys)
            for purger, reader in product((0, 1), repeat=2):
                for each in (0, 1):
                    wait_for_hit(replicas, each, path)
                purge(replicas.urls[purger])
                assert "hit" not in replicas.get(reader, path).headers["cache-status"]


def purge(url: str) -> None:
    """Purge a patient's responses through one replica; the other may be too busy to answer in time."""
    body = {"site": SYDNEY, "patient": "1"}
    fields = {"authorization": f"Bearer {TOKEN}"}
    for _ in range(20):
        response = httpx.post(f"{url}/admin/purge", json=body, headers=fields, trust_env=False)
        if response.status_code == 200:
            return
        assert "notReached" in response.json(), response.text
        sleep(0.5)
    raise AssertionError("a replica was not reached 20 times")
