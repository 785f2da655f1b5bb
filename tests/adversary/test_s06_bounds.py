"""Fault S6: what one stranger sends takes neither the memory nor the places of others."""

import socket
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from urllib.parse import urlsplit

import pytest
from adversary.flood import HONEST, OTHER_HONEST, PATH, Gateway, changed_settings, made_up_key, run_gateway
from conftest import Pair
from support.sockets import until


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
