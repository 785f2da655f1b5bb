"""Slow, greedy and surplus clients over raw sockets: each gets an OperationOutcome or is left alone."""

import json
import socket
import threading
from contextlib import ExitStack
from time import monotonic

import pytest
from support.sockets import (
    GET,
    PATIENCE,
    connected,
    gone,
    served,
    status,
    times,
    until,
    until_closed,
    until_said,
)


def refused(answer: bytes, status: int, code: str) -> dict[str, str]:
    """The header fields of a refusal that is as every one must be."""
    head, _, body = answer.partition(b"\r\n\r\n")
    start, *lines = head.decode().split("\r\n")
    named = dict(line.lower().split(": ", 1) for line in lines)
    assert start.startswith(f"HTTP/1.1 {status} ")
    assert (named["connection"], named["content-length"]) == ("close", str(len(body)))
    assert named["content-type"].startswith("application/fhir+json")
    assert named["x-request-id"]
    assert json.loads(body)["issue"][0]["details"]["coding"][0]["code"] == code
    return named


@pytest.mark.parametrize("sent", [GET, b"", GET + b"\r\n" + GET], ids=["half", "nothing", "second half"])
def test_who_is_slow_with_a_request_head_has_to_leave(sent: bytes) -> None:
    with served(**times(headers=0.3, idle=0.3)) as server, connected(server) as client:
        client.sendall(sent)
        answer = until_closed(client)
    if sent == GET:
        refused(answer, 408, "request-timeout")
    else:
        assert status(answer) == (200 if sent else 0)


def test_a_head_by_drops_gets_its_time_once() -> None:
    with served(**times(headers=0.5)) as server, connected(server) as client:
        client.settimeout(0.05)
        client.sendall(GET)
        start, answer = monotonic(), b""
        while not answer and monotonic() - start < PATIENCE:
            try:
                client.sendall(b"x-drop: 1\r\n")
                answer = client.recv(65_536)
            except TimeoutError:
                continue
    refused(answer, 408, "request-timeout")


def test_a_second_head_by_drops_is_late_too() -> None:
    with served(**times(headers=0.3)) as server, connected(server) as client:
        client.sendall(GET + b"\r\n")
        assert until_said(client, b"ok") == 200
        client.sendall(GET)
        refused(until_closed(client), 408, "request-timeout")


def test_a_head_that_waits_behind_a_slow_answer_may_take_its_time() -> None:
    with served(**times(headers=0.2)) as server, connected(server) as client:
        client.sendall(GET.replace(b"small", b"slow") + b"\r\n")
        client.sendall(GET)
        assert until_said(client, b"at last") == 200
        client.sendall(b"\r\n")
        assert until_said(client, b"ok") == 200


@pytest.mark.parametrize("ended", [b"", b"\r\n\r\n"], ids=["endless", "whole"])
def test_a_megabyte_of_headers_is_refused(ended: bytes) -> None:
    with served() as server, connected(server) as client:
        head = b"GET /small HTTP/1.1\r\nHost: gw\r\nX-Long: " + b"a" * 1_000_000 + ended
        threading.Thread(target=quietly, args=(client, head), daemon=True).start()
        refused(until_closed(client), 431, "headers-too-large")


def test_a_head_just_over_the_limit_is_refused_and_one_below_is_not() -> None:
    with served(max_headers=2_000) as server:
        for length, expected in ((1_500, 200), (2_500, 431)):
            with connected(server) as client:
                client.sendall(GET + b"Connection: close\r\nX-Long: " + b"a" * length + b"\r\n\r\n")
                assert status(until_closed(client)) == expected


def test_a_large_body_is_no_large_head() -> None:
    with served(max_headers=2_000) as server, connected(server) as client:
        body = b"b" * 50_000
        head = b"POST /whole HTTP/1.1\r\nHost: gw\r\nConnection: close\r\nContent-Length: 50000\r\n\r\n"
        client.sendall(head + body)
        assert until_closed(client).endswith(b"50000")


def test_who_is_slow_with_a_body_gets_408_and_is_waited_for_by_nobody() -> None:
    gone.clear()
    with served(**times(body=0.3)) as server, connected(server) as client:
        client.sendall(b"POST /whole HTTP/1.1\r\nHost: gw\r\nContent-Length: 10\r\n\r\n123")
        refused(until_closed(client), 408, "request-timeout")
        assert gone.wait(PATIENCE)


def test_an_answer_given_early_is_not_followed_by_a_second_one() -> None:
    with served(**times(body=0.3)) as server, connected(server) as client:
        client.sendall(b"POST /early HTTP/1.1\r\nHost: gw\r\nContent-Length: 10\r\n\r\n123")
        answer = until_closed(client)
    assert (status(answer), answer.count(b"HTTP/1.1")) == (200, 1)


def test_what_is_not_http_is_refused_as_an_outcome() -> None:
    with served() as server, connected(server) as client:
        client.sendall(b"nonsense\r\n\r\n")
        refused(until_closed(client), 400, "bad-request")


def test_an_unused_connection_is_closed() -> None:
    with served(**times(idle=0.2)) as server, connected(server) as client:
        client.sendall(GET + b"\r\n")
        assert until_closed(client).endswith(b"ok")


def test_a_surplus_connection_gets_503_but_health_is_still_told() -> None:
    with served(max_connections=2) as server, ExitStack() as held:
        for _ in range(2):
            first = held.enter_context(connected(server))
            first.sendall(GET + b"\r\n")
            assert until_said(first, b"ok") == 200
        with connected(server) as client:
            client.sendall(GET + b"\r\n")
            assert int(refused(until_closed(client), 503, "overloaded")["retry-after"]) >= 1
        with connected(server) as client:
            client.sendall(GET.replace(b"small", b"livez") + b"\r\n")
            assert until_said(client, b"ok") == 200


def test_twice_as_many_are_not_even_heard() -> None:
    with served(max_connections=1) as server, ExitStack() as held:
        for _ in range(2):
            held.enter_context(connected(server))
        until(lambda: len(server.server_state.connections) == 2)
        with connected(server) as client:
            assert until_closed(client) in {b"", b"(reset)"}


def quietly(client: socket.socket, data: bytes) -> None:
    try:
        client.sendall(data)
    except OSError:
        return
