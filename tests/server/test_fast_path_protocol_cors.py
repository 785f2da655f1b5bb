"""Hits and refusals of the connection for pages of other origins, over real sockets."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from time import sleep

import pytest
from conftest import Pair, settings_for
from server.test_fast_path_protocol import Gateway, raw_get
from server.test_fast_path_protocol_heads import VARIED, Client, field
from support.sockets import read_until_closed

from gateway.app import create_app
from gateway.server.serve import ThreadedServer
from gateway.settings import Cache, Cors, Server

A, B, UNLISTED = "https://a.example", "https://b.example:8443", "https://c.example"
GET = b"GET /fhir/R4/Patient HTTP/1.1\r\nHost: gw\r\n"
POST = GET.replace(b"GET", b"POST") + b"Ocp-Apim-Subscription-Key: demo-key\r\n"
LONG = b"X-Long: " + b"a" * 2_200 + b"\r\n"
FROM_A = f"Origin: {A}\r\n".encode()


@contextmanager
def cors_gateway(pair: Pair, *origins: str, **server: object) -> Iterator[Gateway]:
    settings = settings_for(pair.emulator.url)
    changes = {
        "cache": Cache(),
        "cors": Cors(origins=origins),
        "server": Server.model_validate(settings.server.model_dump() | server),
    }
    app = create_app(settings.model_copy(update=changes))
    with ThreadedServer(app) as running:
        yield Gateway(app, running.url, pair)


@pytest.fixture
def client(pair: Pair) -> Iterator[Client]:
    """A connection to a gateway that lists A and B."""
    with cors_gateway(pair, A, B) as gateway:
        found = Client(gateway)
        with found.socket:
            yield found


def head(origin: str = "") -> bytes:
    return raw_get(**({"Origin": origin} if origin else {})).encode()


def allowed(response: bytes) -> str:
    found = re.search(rb"(?mi)^access-control-allow-origin: (.*)\r$", response)
    return found[1].decode() if found else ""


def test_raw_hit_has_the_origin_of_its_own_request(client: Client) -> None:
    expected = {A: A, B: B, A.upper(): A.upper(), UNLISTED: "", "null": "", "": ""}
    for origin in expected:
        for _ in range(3):
            client.ask(head(origin))
    before = client.count()
    for number in range(10 * len(expected)):
        origin = [*expected][number % len(expected)]
        response = client.ask(head(origin))
        assert allowed(response) == expected[origin]
        assert field(response, "vary").endswith(", origin")
        assert (b"access-control-expose-headers: " in response) is bool(expected[origin])
    assert client.count() == before + 10 * len(expected)
    assert len(client.gateway.pair.sent()) == 1


def test_parsed_hit_has_the_origin_of_its_own_request(client: Client) -> None:
    client.gateway.remove_routes()
    for number, origin in enumerate([A, B, UNLISTED, A]):
        response = client.ask(raw_get(Origin=origin, user_agent=f"{number}").encode())
        assert response.startswith(b"HTTP/1.1 200 ")
        assert allowed(response) == ("" if origin == UNLISTED else origin)
    assert client.hits.entry_count == 1


def test_hit_equals_the_answer_of_the_application(client: Client) -> None:
    ordinary = client.ask(raw_get(Origin=A, cache_control="max-age=60").encode())
    parsed, unparsed = client.ask(head(A)), client.ask(head(A))
    for response in (parsed, unparsed):
        assert sorted(VARIED.sub(b"", response).split(b"\r\n")) == sorted(
            VARIED.sub(b"", ordinary).split(b"\r\n")
        )


def test_without_cors_no_hit_has_a_field_of_it(pair: Pair) -> None:
    with cors_gateway(pair) as gateway:
        client = Client(gateway)
        with client.socket:
            for _ in range(4):
                response = client.ask(head(A))
                assert b"access-control" not in response
                assert "origin" not in field(response, "vary")


def test_statement_that_is_a_hit_is_for_all_origins(client: Client) -> None:
    for _ in range(4):
        response = client.ask(raw_get("metadata", Origin=UNLISTED).encode())
        assert response.startswith(b"HTTP/1.1 200 ")
        assert allowed(response) == "*"
        assert "origin" not in field(response, "vary")


def refusal(gateway: Gateway, *segments: bytes) -> bytes:
    """The last response on a connection that the gateway closes."""
    with gateway.connect() as client:
        for number, segment in enumerate(segments):
            sleep(0.1 if number else 0)
            client.sendall(segment)
        return b"HTTP/1.1 " + read_until_closed(client).rpartition(b"HTTP/1.1 ")[2]


REFUSALS = {
    "head too large": (431, A, [GET + FROM_A + b"X-Long: " + b"a" * 4_000]),
    "origin behind what is too large": (431, A, [GET + LONG + FROM_A + b"\r\n"]),
    "origin in the next segment": (431, A, [GET + LONG, FROM_A + b"\r\n"]),
    "origin behind twice the limit": (431, "", [GET + b"X-Long: " + b"a" * 9_000 + b"\r\n" + FROM_A]),
    "whole head too large": (431, A, [GET + FROM_A + b"X-Long: " + b"a" * 3_000 + b"\r\n\r\n"]),
    "too many fields": (431, A, [GET + FROM_A + b"X: 1\r\n" * 101 + b"\r\n"]),
    "head too late": (408, A, [GET + FROM_A + b"X-Next: a"]),
    "origin without its end": (408, "", [GET + FROM_A[:-2]]),
    "body too late": (408, A, [POST + FROM_A + b"Content-Length: 9\r\n\r\n{"]),
    "no HTTP": (400, "", [b"nonsense\r\n\r\n"]),
    "no HTTP behind the origin": (400, A, [GET + FROM_A + b"X: 1\r\na b\r\n\r\n"]),
    "two hosts": (400, A, [GET + FROM_A + b"Host: gw\r\n\r\n"]),
    "two origins": (431, "", [GET + FROM_A * 2 + b"X-Long: " + b"a" * 4_000]),
    "no HTTP behind a request": (400, "", [GET + FROM_A + b"\r\n", b"nonsense\r\n\r\n"]),
    "empty line behind a request": (408, "", [GET + FROM_A + b"\r\n", b"\r\n"]),
    "unlisted": (431, "", [GET + b"Origin: https://c.example\r\nX-Long: " + b"a" * 4_000]),
    "metrics": (431, "", [b"GET /metrics HTTP/1.1\r\nHost: gw\r\n" + FROM_A + b"X-Long: " + b"a" * 4_000]),
}
SHORT_TIMEOUTS = {"headers": 0.4, "body": 0.4, "idle": 0.6}


@contextmanager
def small_gateway(pair: Pair, status: int, *origins: str) -> Iterator[Gateway]:
    """A gateway with a small limit of heads, and with short timeouts if they are what it refuses."""
    limits = {"max_headers": 2_000} | ({"timeouts": SHORT_TIMEOUTS} if status == 408 else {})
    with cors_gateway(pair, *origins, **limits) as each:
        yield each


@pytest.mark.parametrize("name", REFUSALS)
def test_refusal_has_the_origin_of_the_request_that_it_answers(pair: Pair, name: str) -> None:
    status, origin, segments = REFUSALS[name]
    with small_gateway(pair, status, A, B) as gateway:
        response = refusal(gateway, *segments)
    assert response.startswith(b"HTTP/1.1 %d " % status)
    assert ("origin" in field(response, "vary")) is (name != "metrics")
    assert allowed(response) == origin


def test_star_is_in_every_refusal(pair: Pair) -> None:
    for name in ("head too large", "head too late", "body too late", "no HTTP", "two hosts", "metrics"):
        status, _, segments = REFUSALS[name]
        with small_gateway(pair, status, "*") as gateway:
            response = refusal(gateway, *segments)
        assert allowed(response) == ("" if name == "metrics" else "*"), name
        assert "origin" not in field(response, "vary")


def test_surplus_connection_answers_the_preflight_and_then_503(pair: Pair) -> None:
    asked = FROM_A + b"Access-Control-Request-Method: GET\r\n\r\n"
    with cors_gateway(pair, A, max_connections=1) as gateway, gateway.connect():
        preflight = refusal(gateway, GET.replace(b"GET", b"OPTIONS") + asked)
        assert preflight.startswith(b"HTTP/1.1 204 ")
        assert field(preflight, "connection") == "close"
        response = refusal(gateway, GET + FROM_A + b"\r\n")
    assert response.startswith(b"HTTP/1.1 503 ")
    assert int(field(response, "retry-after")) > 0
    assert allowed(preflight) == allowed(response) == A
