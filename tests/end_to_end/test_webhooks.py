"""Webhooks over real sockets: the emulator behind the gateway, a receiver beside it, and two replicas."""

import hmac
import json
import re
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from conftest import KEY, Pair, settings_for
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from structlog.testing import capture_logs
from support.redis_server import redis_server
from support.secrets import SECRET as CACHE_KEY
from support.sockets import connect, until
from support.stopwatch import Stopwatch

from gateway.app import create_app
from gateway.emulator.sites import BRISBANE, SYDNEY
from gateway.server.serve import ThreadedServer
from gateway.settings import Cache, Server, Settings, Webhooks

SECRET, OWN_SECRET = "synthetic secret of Halo", "synthetic secret of a receiver"
WRONG_SECRET = "synthetic secret of a stranger"  # noqa: S105 - a test's own
QUERY = "00000000-0000-4000-8000-0000000000aa"


@dataclass
class Receiver:
    """A receiver that answers with its statuses in turn, the last for good."""

    statuses: list[int] = field(default_factory=lambda: [200])
    body: bytes = b""
    fields: dict[str, str] = field(default_factory=lambda: {"location": "/elsewhere"})
    requests: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    async def answer(self, request: Request) -> Response:
        self.requests.append((dict(request.headers), await request.body()))
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        return Response(self.body, status, self.fields)


@contextmanager
def running_receiver(receiver: Receiver) -> Iterator[str]:
    route = Route("/{path:path}", receiver.answer, methods=["GET", "POST"])
    with ThreadedServer(Starlette(routes=[route])) as server:
        yield server.url


def gateway_settings(pair: Pair, receiver_url: str, cache: Cache | None = None) -> Settings:
    settings = settings_for(pair.emulator.url)
    site = settings.sites[SYDNEY]
    webhooks = {"invalidates": {QUERY: ["Appointment"]}}
    sites = {
        **settings.sites,
        **{guid: type(site).model_validate(settings.sites[guid].model_dump() | {"webhooks": webhooks})
           for guid in (SYDNEY, BRISBANE)},
    }  # fmt: skip
    receiver = {"url": receiver_url + "/hook", "secret": OWN_SECRET}
    hooks = Webhooks.model_validate({"secrets": [SECRET], "receivers": {"billing": receiver}})
    server = Server.model_validate({"public_url": "https://gw.example"})
    changes = {"sites": sites, "cache": cache or Cache(), "webhooks": hooks, "server": server}
    return settings.model_copy(update=changes)


@dataclass
class World:
    pair: Pair
    receiver: Receiver
    urls: list[str]

    def search(self, url: str, path: str = "Appointment?date=2026-04", guid: str = SYDNEY) -> str:
        """What the cache did with a search."""
        response = httpx.get(f"{url}/integrator/sites/{guid}/fhir/R4/{path}", headers=KEY, trust_env=False)
        assert response.status_code == 200
        return response.headers["cache-status"].partition(";")[2].split(";")[0].strip()

    def post(self, body: bytes, url: str = "", **changes: str) -> httpx.Response:
        return httpx.post(
            (url or self.urls[0]) + "/hooks/halo",
            content=body,
            headers=signed(body, **changes),
            trust_env=False,
        )

    def metric(self, name: str, url: str = "") -> float:
        text = httpx.get((url or self.urls[0]) + "/metrics", trust_env=False).text
        found = re.search(rf"^halo_gateway_{re.escape(name)} (.*)$", text, re.MULTILINE)
        return float(found[1]) if found else 0.0


def signed(body: bytes, secret: str = SECRET, timestamp: str = "", **changes: str) -> dict[str, str]:
    """Header fields as Halo sends them."""
    timestamp = timestamp or str(int(time.time()))
    signature = hmac.new(secret.encode(), body + b"." + timestamp.encode(), "sha256").hexdigest()
    fields = {"X-Halo-Id": "h-1", "X-Halo-Timestamp": timestamp, "X-Halo-Signature-256": signature}
    return fields | {"Content-Type": "application/json"} | changes


def webhook(number: int, guid: str = SYDNEY, query: str = QUERY, **members: Any) -> bytes:
    fields = {"id": f"e-{number}", "occurredAt": "2026-07-01T00:00:00Z", "siteId": guid, "queryId": query}
    return json.dumps(fields | {"webhookSource": "registeredQuery"} | members, indent=1).encode()


@pytest.fixture
def world(pair: Pair) -> Iterator[World]:
    receiver = Receiver()
    with (
        running_receiver(receiver) as receiver_url,
        ThreadedServer(create_app(gateway_settings(pair, receiver_url))) as gateway,
    ):
        yield World(pair, receiver, [gateway.url])


@pytest.fixture
def replicas(pair: Pair) -> Iterator[World]:
    receiver = Receiver()
    with redis_server() as redis, running_receiver(receiver) as receiver_url, ExitStack() as stack:
        cache = Cache.model_validate({"redis": {"url": redis.url, "timeout": 10}, "keys": [CACHE_KEY]})
        settings = gateway_settings(pair, receiver_url, cache)
        servers = [stack.enter_context(ThreadedServer(create_app(settings))) for _ in range(2)]
        yield World(pair, receiver, [server.url for server in servers])


def test_webhook_lets_the_gateway_fetch_again(world: World) -> None:
    (url,) = world.urls
    searches = {guid: (url, "Appointment?date=2026-04", guid) for guid in (SYDNEY, BRISBANE)}
    for search in (*searches.values(), (url, "Patient?gender=female&_count=5")):
        assert world.search(*search) != "hit"
        assert world.search(*search) == "hit"
    assert world.post(webhook(1)).status_code == 204
    assert world.search(*searches[SYDNEY]) != "hit"
    assert world.search(*searches[SYDNEY]) == "hit"
    assert world.search(*searches[BRISBANE]) == "hit"
    assert world.search(url, "Patient?gender=female&_count=5") == "hit"


def test_webhook_of_another_query_invalidates_nothing(world: World) -> None:
    (url,) = world.urls
    world.search(url)
    assert world.post(webhook(1, query="another")).status_code == 204
    assert world.post(webhook(2, guid="0a1b2c3d-0000-4000-8000-0000000000ff")).status_code == 204
    assert world.post(webhook(1), secret=WRONG_SECRET).status_code == 401
    assert world.search(url) == "hit"


def test_repetition_does_not_fetch_again(world: World) -> None:
    (url,) = world.urls
    world.post(webhook(1))
    world.search(url)
    assert world.post(webhook(1), timestamp=str(int(time.time()) + 5)).status_code == 204
    assert world.search(url) == "hit"
    assert world.metric('webhooks_total{outcome="repeated"}') == 1


def test_forwarded_webhook_is_as_halo_sent_it(world: World) -> None:
    body = webhook(1, extra={"spelling": 1.0})
    sent = signed(body)
    httpx.post(world.urls[0] + "/hooks/halo", content=body, headers=sent, trust_env=False)
    until(lambda: world.receiver.requests)
    ((headers, received),) = world.receiver.requests
    assert received == body
    assert {name: headers[name.lower()] for name in sent} == sent
    own = hmac.new(OWN_SECRET.encode(), body + b"." + headers["gateway-timestamp"].encode(), "sha256")
    assert headers["gateway-signature-256"] == own.hexdigest()
    assert not headers.keys() & {"ocp-apim-subscription-key", "authorization", "cookie"}


def test_forwarding_is_repeated_until_it_succeeds(world: World) -> None:
    world.receiver.statuses = [503, 204]
    assert world.post(webhook(1)).status_code == 204
    until(lambda: world.metric('webhooks_forwarded_total{outcome="delivered",receiver="billing"}') == 1)
    assert len(world.receiver.requests) == 2
    assert world.receiver.requests[0][1] == world.receiver.requests[1][1]


@pytest.mark.parametrize(("body", "fields"), [(b"x" * 3_000_000, {}), (b"no", {"content-encoding": "gzip"})])
def test_webhook_is_delivered_whatever_the_receivers_body(
    world: World, body: bytes, fields: dict[str, str]
) -> None:
    world.receiver.body, world.receiver.fields = body, fields
    world.post(webhook(1))
    until(lambda: world.metric('webhooks_forwarded_total{outcome="delivered",receiver="billing"}') == 1)
    assert len(world.receiver.requests) == 1


def test_redirect_of_a_receiver_is_not_followed(world: World) -> None:
    world.receiver.statuses = [307]
    world.post(webhook(1))
    until(lambda: world.metric('webhooks_forwarded_total{outcome="refused",receiver="billing"}') == 1)
    assert len(world.receiver.requests) == 1


def test_ledger_and_upstream_know_nothing_of_webhooks(world: World) -> None:
    """A refused one is a failure, of which the share of all requests is known."""
    world.pair.emulator.control("POST", "reset")
    world.post(webhook(1))
    world.post(webhook(2), secret=WRONG_SECRET)
    text = httpx.get(world.urls[0] + "/metrics", trust_env=False).text
    lines = [line for line in text.splitlines() if line.startswith("halo_gateway_requests_total{")]
    assert lines == ['halo_gateway_requests_total{cost="free",site="",type=""} 1.0']
    assert world.pair.sent() == []


def test_logs_name_no_query_and_no_secret(world: World) -> None:
    with capture_logs() as lines:
        world.post(webhook(1))
        world.post(b"{}")
        world.post(webhook(2), secret=WRONG_SECRET)
        until(lambda: world.receiver.requests)
    assert {line["event"] for line in lines} == {"webhook", "request"}
    assert not [word for word in (QUERY, "e-1", "h-1", "secret", "billing") if word in str(lines)]


def test_large_body_is_refused_before_it_is_read(world: World) -> None:
    with connect_to(world.urls[0]) as client:
        client.sendall(b"POST /hooks/halo HTTP/1.1\r\nHost: gw\r\nContent-Length: 100000000\r\n\r\n")
        client.sendall(b"x" * 70_000)
        assert client.recv(65_536).startswith(b"HTTP/1.1 413")


def test_other_method_is_refused(world: World) -> None:
    response = httpx.get(world.urls[0] + "/hooks/halo", trust_env=False)
    assert (response.status_code, response.headers["allow"]) == (405, "POST")


def test_endpoint_does_not_exist_without_a_secret(pair: Pair) -> None:
    body = webhook(1)
    response = httpx.post(pair.url + "/hooks/halo", content=body, headers=signed(body), trust_env=False)
    assert response.status_code == 404


def test_one_replica_knows_what_the_other_has_received(replicas: World) -> None:
    first, second = replicas.urls
    replicas.search(first)
    assert {replicas.search(url) for url in replicas.urls} == {"hit"}
    assert replicas.post(webhook(1), second).status_code == 204
    assert replicas.search(first) != "hit"
    assert replicas.search(first) == "hit"
    assert replicas.post(webhook(1), first).status_code == 204
    assert {replicas.search(url) for url in replicas.urls} == {"hit"}
    assert replicas.metric('webhooks_total{outcome="accepted"}', second) == 1
    assert replicas.metric('webhooks_total{outcome="repeated"}', first) == 1
    until(lambda: replicas.receiver.requests)
    assert len(replicas.receiver.requests) == 1


def test_shutdown_delivers_what_waits(pair: Pair) -> None:
    receiver = Receiver([503, 503, 204])
    with running_receiver(receiver) as receiver_url:
        with (
            Stopwatch() as wait,
            ThreadedServer(create_app(gateway_settings(pair, receiver_url))) as gateway,
        ):
            world = World(pair, receiver, [gateway.url])
            world.post(webhook(1))
            until(lambda: len(receiver.requests) >= 2)
        assert (len(receiver.requests), wait.seconds < 6) == (3, True)


def connect_to(url: str) -> Any:
    """A raw connection to a server."""

    class Address:
        def __init__(self) -> None:
            self.url = url

    return connect(Address())  # type: ignore[arg-type] # only its URL is used
