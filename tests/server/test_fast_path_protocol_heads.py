"""Hits that are answered before anything is parsed, over real sockets, and what must be parsed."""

import re
import signal
import socket
from collections.abc import Callable, Iterator
from time import monotonic, sleep

import httpx
import pytest
from conftest import Pair, settings_for
from server.test_fast_path_protocol import BASE, Gateway, raw_get, read_chunk, read_response_head
from support.sockets import until
from support.stopwatch import Stopwatch

from gateway.app import create_app
from gateway.server.serve import ThreadedServer
from gateway.settings import Cache, Server
from gateway.web.head_table import MAX_ENTRIES
from gateway.web.request_id import raw_request_id, request_id

#: Fields whose values differ for each response.
VARIED = re.compile(rb"(?mi)^(?:age|cache-status|date|x-request-id): .*\r\n")
HEAD = raw_get().encode()


class Client:
    """One connection, on which Patient/1 was requested so often that its head is known."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self.socket, self.received = gateway.connect(), b""
        self.hits = gateway.app.state.http.hits
        self.ordinary = [self.ask(HEAD) for _ in range(4)][2]

    def send(self, *segments: bytes) -> None:
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for number, segment in enumerate(segments):
            sleep(0.05 if number else 0)
            self.socket.sendall(segment)

    def ask(self, *segments: bytes) -> bytes:
        """One response, head and body."""
        self.send(*segments)
        return self.read()

    def read(self) -> bytes:
        while b"\r\n\r\n" not in self.received:
            self.received += read_chunk(self.socket)
        head, _, body = self.received.partition(b"\r\n\r\n")
        found = re.search(rb"(?i)\r\ncontent-length: (\d+)", head)
        length = int(found[1]) if found else 0
        while len(body) < length:
            body += read_chunk(self.socket)
        self.received = body[length:]
        return head + b"\r\n\r\n" + body[:length]

    def read_rest(self) -> bytes:
        """What follows until the server closes the connection."""
        with self.socket:
            return self.socket.recv(65_536)

    def count(self) -> int:
        """Hits that were not parsed so far."""
        httpx.get(f"{self.gateway.url}/metrics", trust_env=False)
        return int(self.hits.records.counted)


def gateway_with(pair: Pair, **server: object) -> Iterator[Gateway]:
    settings = settings_for(pair.emulator.url)
    changes = {"cache": Cache(), "server": Server.model_validate(server)}
    app = create_app(settings.model_copy(update=changes))
    with ThreadedServer(app) as running:
        yield Gateway(app, running.url, pair)


@pytest.fixture
def gateway(pair: Pair) -> Iterator[Gateway]:
    yield from gateway_with(pair)


@pytest.fixture
def client(gateway: Gateway) -> Iterator[Client]:
    client = Client(gateway)
    with client.socket:
        yield client


def field(response: bytes, name: str) -> str:
    found = re.search(rf"(?mi)^{name}: (.*)\r$".encode(), response)
    return found[1].decode() if found else ""


def test_unparsed_hit_equals_the_parsed_one(client: Client) -> None:
    before = client.count()
    answer = client.ask(HEAD)
    assert client.count() == before + 1
    assert VARIED.sub(b"", answer) == VARIED.sub(b"", client.ordinary)
    names = [re.findall(rb"(?m)^([A-Za-z-]+): ", response) for response in (answer, client.ordinary)]
    assert names[0] == names[1]
    assert field(answer, "cache-status").startswith("halo-gateway; hit; ttl=")


def test_age_and_lifetime_are_right_to_the_second(client: Client) -> None:
    first = client.ask(HEAD)
    sleep(2.05)
    second = client.ask(HEAD)
    assert int(field(second, "age")) - int(field(first, "age")) in {2, 3}
    ttls = [int(field(answer, "cache-status").rpartition("=")[2]) for answer in (first, second)]
    assert ttls[0] - ttls[1] in {2, 3}


def test_each_hit_has_an_id_of_its_own(client: Client) -> None:
    ids = {field(client.ask(HEAD), "x-request-id") for _ in range(50)}
    assert len(ids) == 50
    assert all(request_id(identifier) == identifier for identifier in ids)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ("X-Request-Id: r-7\r\n", "r-7"),
        ("x-request-id:r-8\r\nTraceparent: 00-ab-cd-01\r\nTRACESTATE: a=1,b=2\r\n", "r-8"),
        ("traceparent: 00-ab-cd-01\r\n", ""),
        ("X-Request-Id: no/id\r\n", ""),
        ("X-Request-Id: \r\n", ""),
    ],
)
def test_ids_that_vary_are_echoed_without_parsing(client: Client, fields: str, expected: str) -> None:
    before = client.count()
    answer = client.ask(HEAD[:-2] + fields.encode() + b"\r\n")
    assert client.count() == before + 1
    identifier = field(answer, "x-request-id")
    assert identifier == expected if expected else len(identifier) == 32
    assert VARIED.sub(b"", answer) == VARIED.sub(b"", client.ordinary)


PARSED: dict[str, Callable[[bytes], tuple[bytes, ...]]] = {
    "split in two": lambda head: (head[:40], head[40:]),
    "split before its end": lambda head: (head[:-2], head[-2:]),
    "ids twice": lambda head: (head[:-2] + b"x-request-id: a\r\nX-Request-Id: b\r\n\r\n",),
    "id with a space": lambda head: (head[:-2] + b"x-request-id: a b\r\n\r\n",),
    "id that is not ASCII": lambda head: (head[:-2] + b"x-request-id: \xe9\r\n\r\n",),
    "folded id": lambda head: (head[:-2] + b"x-request-id: a\r\n b\r\n\r\n",),
    "folded field": lambda head: (head[:-2] + b"user-agent: a\r\n b\r\n\r\n",),
    "another host": lambda head: (head.replace(b"gw.example", b"gw.example.net"),),
    "another key": lambda head: (head.replace(b"demo-key", b"demo-kez"),),
    "authorization": lambda head: (head[:-2] + b"authorization: Bearer x\r\n\r\n",),
    "HEAD": lambda head: (head.replace(b"GET ", b"HEAD "),),
    "POST": lambda head: (head.replace(b"GET ", b"POST "),),
    "HTTP/1.0": lambda head: (head.replace(b"HTTP/1.1", b"HTTP/1.0"),),
    "absolute form": lambda head: (head.replace(b"GET /", b"GET http://gw.example/"),),
    "upgrade offer": lambda head: (head[:-2] + b"connection: upgrade\r\nupgrade: h2c\r\n\r\n",),
    "connection: close": lambda head: (head[:-2] + b"connection: close\r\n\r\n",),
    "body": lambda head: (head[:-2] + b"content-length: 0\r\n\r\n",),
    "no-cache": lambda head: (head[:-2] + b"cache-control: no-cache\r\n\r\n",),
    "bare line feeds": lambda head: (head.replace(b"\r\n", b"\n"),),
    "longer head": lambda head: (head[:-2] + b"user-agent: a\r\n\r\n",),
}


@pytest.mark.parametrize("name", PARSED)
def test_any_other_bytes_are_parsed(client: Client, name: str) -> None:
    before = client.count()
    segments = PARSED[name](HEAD)
    if name == "HEAD":
        client.send(*segments)
        assert client.socket.recv(65_536).endswith(b"\r\n\r\n")
    else:
        assert client.ask(*segments).startswith(b"HTTP/1.")
    assert client.count() == before


def test_head_that_begins_another_is_answered_once(client: Client) -> None:
    before = client.count()
    client.send(HEAD[:-2])
    sleep(0.2)
    assert client.count() == before
    assert client.ask(b"\r\n").startswith(b"HTTP/1.1 200 ")
    assert client.count() == before


def test_two_heads_in_one_segment_get_two_answers(client: Client) -> None:
    before = client.count()
    with client.gateway.connect() as connection:
        connection.sendall(HEAD + HEAD)
        assert read_response_head(connection).startswith(b"HTTP/1.1 200 ")
    client.send(HEAD + HEAD[:-4] + b"\r\nconnection: close\r\n\r\n")
    received = b"".join(iter(lambda: client.socket.recv(65_536), b""))
    assert received.count(b"HTTP/1.1 200 ") == 2
    assert client.count() == before


def test_garbage_behind_a_head_is_refused(client: Client) -> None:
    before = client.count()
    client.send(HEAD + b"\x00\x01garbage\r\n\r\n")
    received = b"".join(iter(lambda: client.socket.recv(65_536), b""))
    assert received.startswith(b"HTTP/1.1 200 ")
    assert b"HTTP/1.1 400 " in received
    assert client.count() == before


def test_hit_behind_an_unanswered_request_waits(client: Client) -> None:
    client.gateway.pair.fault(kind="delay", delay=0.5, times=1)
    other = raw_get("Patient/7", x_request_id="slow").encode()
    before = client.count()
    client.send(other, HEAD)
    assert field(client.read(), "x-request-id") == "slow"
    assert VARIED.sub(b"", client.read()) == VARIED.sub(b"", client.ordinary)
    assert client.count() == before


def test_hit_behind_part_of_a_body_is_part_of_it(client: Client) -> None:
    search = f"POST {BASE}/Patient/_search HTTP/1.1\r\nhost: gw.example\r\n"
    search += "ocp-apim-subscription-key: demo-key\r\ncontent-type: application/x-www-form-urlencoded\r\n"
    before = client.count()
    answer = client.ask(f"{search}content-length: {len(HEAD)}\r\n\r\n".encode(), HEAD)
    assert field(answer, "cache-status").startswith("halo-gateway; hit") is False
    assert client.count() == before
    client.ask(HEAD)
    assert client.count() == before + 1


def test_write_ends_the_answer_at_once(client: Client) -> None:
    before = client.count()
    patient = client.gateway.get().json() | {"birthDate": "1951-02-03"}
    fields = {"content-type": "application/fhir+json", "ocp-apim-subscription-key": "demo-key"}
    url = f"{client.gateway.url}{BASE}/Patient/1"
    assert httpx.put(url, json=patient, headers=fields, trust_env=False).status_code == 200
    assert b"1951-02-03" in client.ask(HEAD)
    assert client.count() == before


def test_change_of_another_site_does_not_end_it(client: Client) -> None:
    before = client.count()
    hits = client.hits
    hits.generation.number += 1
    assert client.ask(HEAD).startswith(b"HTTP/1.1 200 ")
    assert client.count() == before + 1


def test_reader_that_pauses_gets_every_answer(gateway: Gateway) -> None:
    search = raw_get("Patient?_count=30").encode()
    with gateway.connect() as connection:
        for _ in range(3):
            connection.sendall(search)
            read_response_head(connection)
        hits = gateway.app.state.http.hits
        for _ in range(300):
            connection.sendall(search)
            sleep(0.001)
        connection.sendall(raw_get("Patient?_count=30", connection="close").encode())
        received = b"".join(iter(lambda: connection.recv(65_536), b""))
    assert received.count(b"HTTP/1.1 200 ") == 301
    httpx.get(f"{gateway.url}/metrics", trust_env=False)
    assert 0 < hits.records.counted < 300


def test_idle_time_begins_with_the_last_hit(pair: Pair) -> None:
    for gateway in gateway_with(pair, timeouts={"idle": 1.0, "headers": 1.0}):
        client = Client(gateway)
        before = client.count()
        for _ in range(6):
            sleep(0.4)
            assert client.ask(HEAD).startswith(b"HTTP/1.1 200 ")
        started_at = monotonic()
        assert client.count() == before + 6
        with client.socket, Stopwatch() as wait:
            assert client.socket.recv(10) == b""
        assert monotonic() - started_at > 0.9
        assert wait.seconds < 2


def test_surplus_connection_is_refused_a_hit_and_no_earlier_one(pair: Pair) -> None:
    for gateway in gateway_with(pair, max_connections=1):
        client = Client(gateway)
        with client.socket, gateway.connect() as surplus:
            for head in (HEAD, HEAD.replace(b"Patient/1", b"Patient/2")):
                assert client.ask(head).startswith(b"HTTP/1.1 200 ")
            surplus.sendall(HEAD)
            assert b" 503 " in read_response_head(surplus)[:20]
            assert client.ask(HEAD.replace(b"Patient/1", b"Patient/3")).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(
    "fields",
    [b"X-Request-Id: a\r\n" * 150, b"User-Agent: a\r\n" * 150, b"User-Agent: " + b"a," * 300 + b"\r\n"],
)
def test_hit_is_no_way_around_the_limits_of_fields(client: Client, fields: bytes) -> None:
    assert client.ask(HEAD[:-2] + fields + b"\r\n").startswith(b"HTTP/1.1 431 ")


def test_hits_announce_the_end_of_a_connection_that_ends(pair: Pair) -> None:
    changes = {"cache": Cache(), "server": Server(drain_delay=2)}
    app = create_app(settings_for(pair.emulator.url).model_copy(update=changes))
    with ThreadedServer(app) as server:
        gateway = Gateway(app, server.url, pair)
        clients = [Client(gateway) for _ in range(3)]
        assert all(b"connection: close" not in client.ask(HEAD).lower() for client in clients)
        server.handle_exit(signal.SIGTERM, None)
        assert all(b"connection: close" not in client.ask(HEAD).lower() for client in clients)
        until(lambda: server.server_state.has_last_answers)
        answers = [client.ask(HEAD) + client.read_rest() for client in clients] + [
            gateway.send_raw(raw_get())
        ]
    for answer in answers:
        assert answer.startswith(b"HTTP/1.1 200 ")
        assert b"halo-gateway; hit" in answer
        assert answer.lower().count(b"connection: close") == 1


def test_server_that_drains_closes_the_connection(pair: Pair) -> None:
    for gateway in gateway_with(pair):
        client = Client(gateway)
        client.ask(HEAD)
    with client.socket:
        assert client.socket.recv(10) == b""


@pytest.mark.parametrize("trusted", [("127.0.0.0/8",), ()])
def test_forwarded_client_gets_its_own_answer(pair: Pair, trusted: tuple[str, ...]) -> None:
    for gateway in gateway_with(pair, trusted_proxies=trusted):
        client = Client(gateway)
        before = client.count()
        assert client.ask(HEAD).startswith(b"HTTP/1.1 200 ")
        assert client.count() == before + 1
        address = client.socket.getpeername()
        with client.socket, socket.create_connection(address, 30, ("127.0.0.2", 0)) as other:
            for _ in range(3):
                other.sendall(HEAD)
                read_response_head(other)
        assert client.count() == before + 2 + (not trusted)


def test_heads_are_bounded(gateway: Gateway) -> None:
    hits = gateway.app.state.http.hits
    heads, (request, hit) = hits.heads, prepared(gateway)
    for number in range(MAX_ENTRIES + 10):
        head = raw_get(user_agent=f"agent-{number}").encode()
        heads.add(head, "", request, hit)
        assert heads.used_bytes <= heads.max_bytes
    assert len(heads) <= MAX_ENTRIES
    assert hits.used_bytes <= hits.max_bytes


def prepared(gateway: Gateway) -> tuple[object, object]:
    """Request and response of the only entry."""
    client = Client(gateway)
    entry = client.hits.heads.find(HEAD)
    client.socket.close()
    return entry.request, entry.hit


def test_raw_id_equals_the_parsed_one() -> None:
    for value in ("r-7", "a" * 128):
        assert raw_request_id(value.encode()) == request_id(value).encode() == value.encode()
    for value in ("", "a b", "a" * 129, "a\n"):
        assert raw_request_id(value.encode()) != value.encode()
