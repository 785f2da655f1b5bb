"""Fault S6: what one stranger sends takes neither the memory nor the places of others."""

import gc
import socket
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, suppress
from urllib.parse import urlsplit

import httpx
import pytest
from adversary.flood import (
    HONEST,
    OTHER_HONEST,
    PATH,
    Gateway,
    changed_settings,
    made_up_key,
    path_at,
    run_gateway,
)
from conftest import Pair
from support.sockets import until

from gateway.emulator.sites import SYDNEY

SEARCH = path_at(SYDNEY, "Patient/_search")


@pytest.fixture
def gateway(pair: Pair) -> Iterator[Gateway]:
    with run_gateway(pair, changed_settings(pair)) as gateway:
        yield gateway


def open_request(gateway: Gateway, headers: Mapping[str, str], start: str = f"GET {PATH}") -> socket.socket:
    """Send the head of a request on a socket of its own, and do not read."""
    parts = urlsplit(gateway.url)
    client = socket.create_connection((parts.hostname or "", parts.port or 0), timeout=20)
    lines = [f"{name}: {value}" for name, value in {"Host": "gw", **headers}.items()]
    client.sendall("\r\n".join([f"{start} HTTP/1.1", *lines, "", ""]).encode())
    return client


def sent_to_practice(gateway: Gateway) -> int:
    return sum(PATH in str(request["path"]) for request in gateway.pair.sent())


def test_one_caller_at_a_slow_practice_keeps_nobody_out(gateway: Gateway) -> None:
    assert gateway.get("/fhir/R4/Patient/1", OTHER_HONEST).status_code == 200
    gateway.pair.fault(kind="hang", key="other-key")
    with ExitStack() as clients:
        for number in range(230):
            headers = OTHER_HONEST | {"Accept-Language": str(number)}
            clients.enter_context(open_request(gateway, headers, f"GET {PATH}?_format=json&_id={number}"))
        until(lambda: sent_to_practice(gateway) >= 8)
        assert gateway.get(headers=HONEST).status_code == 200


def test_made_up_keys_at_a_slow_practice_keep_nobody_out(gateway: Gateway) -> None:
    assert gateway.get(headers=HONEST).status_code == 200
    for number in range(230):
        gateway.pair.fault(kind="hang", key=f"made-up-{number}")
    with ExitStack() as clients:
        for number in range(230):
            clients.enter_context(open_request(gateway, made_up_key(number)))
        until(lambda: sent_to_practice(gateway) >= 8)
        assert gateway.get(headers=HONEST).status_code == 200


def open_body(gateway: Gateway, octets: int, forwarded: str = "") -> socket.socket:
    """Begin a search by POST with a body of 2 MB, of which only `octets` arrive."""
    headers = HONEST | {
        "Content-Type": "application/x-www-form-urlencoded",
        "Content-Length": "1999000",
        **({"X-Forwarded-For": forwarded} if forwarded else {}),
    }
    client = open_request(gateway, headers, f"POST {SEARCH}")
    client.settimeout(2)
    with suppress(OSError):  # the gateway has answered and no longer reads
        client.sendall(b"a=" + b"x" * octets)
    client.settimeout(20)
    return client


def was_refused(client: socket.socket) -> bool:
    client.settimeout(0.1)
    try:
        return client.recv(12).endswith(b"503")
    except TimeoutError:
        return False


def post_search(gateway: Gateway, **headers: str) -> int:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    response = httpx.post(
        gateway.url + SEARCH, data={"_id": "1"}, headers=HONEST | named, timeout=30, trust_env=False
    )
    return response.status_code


def test_unfinished_bodies_take_at_most_half_of_the_budget(pair: Pair) -> None:
    settings = changed_settings(pair, server={"trusted_proxies": ["127.0.0.0/8"]})
    with run_gateway(pair, settings) as gateway, ExitStack() as clients:
        stranger = [clients.enter_context(open_body(gateway, 1_900_000, "203.0.113.7")) for _ in range(40)]
        assert sum(map(was_refused, stranger)) == 40 - 32_000_000 * 8 // 9 // 1_900_000
        assert post_search(gateway, X_Forwarded_For="203.0.113.8") == 200


def test_slow_body_holds_its_share_no_longer_than_its_time(pair: Pair) -> None:
    limits = {"max_body": 1_999_000, "max_total_body": 6_000_000, "timeouts": {"body": 1}}
    settings = changed_settings(pair, server=limits, sql={"max_body": 1_999_000})
    with run_gateway(pair, settings) as gateway, ExitStack() as clients:
        assert not was_refused(clients.enter_context(open_body(gateway, 1_500_000)))
        assert was_refused(clients.enter_context(open_body(gateway, 1_500_000)))
        until(lambda: not was_refused(clients.enter_context(open_body(gateway, 1_500_000))))


def parsed_requests() -> int:
    """Number of requests in uvicorn's memory, in all servers of this process."""
    return sum(type(each).__name__ == "RequestResponseCycle" for each in gc.get_objects())


AHEAD = b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n"


def test_request_sent_ahead_takes_no_more_than_its_bytes(gateway: Gateway) -> None:
    gateway.pair.fault(kind="hang")
    before = parsed_requests()
    with open_request(gateway, HONEST) as client:
        client.sendall(AHEAD * 2_000)
        until(gateway.pair.sent)
        assert parsed_requests() - before < 100


def test_many_requests_sent_ahead_are_answered(gateway: Gateway) -> None:
    with open_request(gateway, HONEST) as client:
        client.sendall(AHEAD * 2_000 + b"GET /livez HTTP/1.0\r\n\r\n")
        received = b""
        while chunk := client.recv(65_536):
            received += chunk
    assert received.count(b"HTTP/1.1 200") == 2_002
