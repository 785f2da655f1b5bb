"""Limits of a client connection, tested with raw sockets."""

import json
import socket
import threading
from contextlib import ExitStack
from time import monotonic

import pytest
from support.sockets import (
    GET,
    MAX_WAIT,
    client_disconnected,
    connect,
    limited_server,
    read_until,
    read_until_closed,
    status,
    timeouts,
    until,
)

CHUNKED = b"Host: gw\r\nTransfer-Encoding: chunked\r\n\r\n"
CONTENT_LENGTH_10 = b"Host: gw\r\nContent-Length: 10\r\n\r\n123"


def check_rejection(response: bytes, status: int, code: str) -> dict[str, str]:
    """Assert that a response is a complete rejection, and return its headers."""
    head, _, body = response.partition(b"\r\n\r\n")
    start, *lines = head.decode().split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines)
    assert start.startswith(f"HTTP/1.1 {status} ")
    assert (headers["connection"], headers["content-length"]) == ("close", str(len(body)))
    assert headers["content-type"].startswith("application/fhir+json")
    assert headers["x-request-id"]
    assert json.loads(body)["issue"][0]["details"]["coding"][0]["code"] == code
    return headers


def send_ignoring_errors(client: socket.socket, data: bytes) -> None:
    try:
        client.sendall(data)
    except OSError:
        return


@pytest.mark.parametrize("data", [GET, b"", GET + b"\r\n" + GET], ids=["half", "nothing", "second half"])
def test_slow_headers_end_connection(data: bytes) -> None:
    with limited_server(**timeouts(headers=0.3, idle=0.3)) as server, connect(server) as client:
        client.sendall(data)
        response = read_until_closed(client)
    if data == GET:
        check_rejection(response, 408, "request-timeout")
    else:
        assert status(response) == (200 if data else 0)


@pytest.mark.parametrize("field", ["abc", "abc ", "abc\t \t", " \tabc\t", "abc \t\r\nX-Next: a"])
def test_white_space_around_a_value_is_no_part_of_it(field: str) -> None:
    with limited_server() as server, connect(server) as client:
        client.sendall(f"GET /key HTTP/1.1\r\nHost: gw\r\nConnection: close\r\nKey:{field}\r\n\r\n".encode())
        assert read_until_closed(client).endswith(b"\r\n'abc'")


def test_steady_headers_do_not_extend_timeout() -> None:
    with limited_server(**timeouts(headers=0.5)) as server, connect(server) as client:
        client.settimeout(0.05)
        client.sendall(GET)
        start, response = monotonic(), b""
        while not response and monotonic() - start < MAX_WAIT:
            try:
                client.sendall(b"x-drop: 1\r\n")
                response = client.recv(65_536)
            except TimeoutError:
                continue
    check_rejection(response, 408, "request-timeout")


def test_slow_second_headers_are_rejected() -> None:
    with limited_server(**timeouts(headers=0.3)) as server, connect(server) as client:
        client.sendall(GET + b"\r\n")
        assert read_until(client, b"ok") == 200
        client.sendall(GET)
        check_rejection(read_until_closed(client), 408, "request-timeout")


def test_headers_behind_slow_response_are_not_timed() -> None:
    with limited_server(**timeouts(headers=0.2)) as server, connect(server) as client:
        client.sendall(GET.replace(b"small", b"slow") + b"\r\n")
        client.sendall(GET)
        assert read_until(client, b"at last") == 200
        client.sendall(b"\r\n")
        assert read_until(client, b"ok") == 200


@pytest.mark.parametrize("end", [b"", b"\r\n\r\n"], ids=["endless", "complete"])
def test_megabyte_of_headers_is_rejected(end: bytes) -> None:
    with limited_server() as server, connect(server) as client:
        head = b"GET /small HTTP/1.1\r\nHost: gw\r\nX-Long: " + b"a" * 1_000_000 + end
        threading.Thread(target=send_ignoring_errors, args=(client, head), daemon=True).start()
        check_rejection(read_until_closed(client), 431, "headers-too-large")


def test_only_headers_over_limit_are_rejected() -> None:
    with limited_server(max_headers=2_000) as server:
        for length, expected in ((1_500, 200), (2_500, 431)):
            with connect(server) as client:
                client.sendall(GET + b"Connection: close\r\nX-Long: " + b"a" * length + b"\r\n\r\n")
                assert status(read_until_closed(client)) == expected


def test_body_does_not_count_as_headers() -> None:
    with limited_server(max_headers=2_000) as server, connect(server) as client:
        body = b"b" * 50_000
        head = b"POST /whole HTTP/1.1\r\nHost: gw\r\nConnection: close\r\nContent-Length: 50000\r\n\r\n"
        client.sendall(head + body)
        assert read_until_closed(client).endswith(b"50000")


def test_slow_body_gets_408_and_ends_request() -> None:
    client_disconnected.clear()
    with limited_server(**timeouts(body=0.3)) as server, connect(server) as client:
        client.sendall(b"POST /whole HTTP/1.1\r\n" + CONTENT_LENGTH_10)
        check_rejection(read_until_closed(client), 408, "request-timeout")
        assert client_disconnected.wait(MAX_WAIT)


def test_early_response_is_not_followed_by_rejection() -> None:
    with limited_server(**timeouts(body=0.3)) as server, connect(server) as client:
        client.sendall(b"POST /early HTTP/1.1\r\n" + CONTENT_LENGTH_10)
        response = read_until_closed(client)
    assert (status(response), response.count(b"HTTP/1.1")) == (200, 1)


@pytest.mark.parametrize("target", [b"early", b"nowhere"])
def test_bad_rest_of_an_answered_request_gets_no_answer(target: bytes) -> None:
    with limited_server() as server, connect(server) as client:
        client.sendall(b"POST /%b HTTP/1.1\r\n" % target + CHUNKED + b"2\r\nab\r\n")
        assert client.recv(65_536).startswith(b"HTTP/1.1 ")
        client.sendall(b"ZZ\r\n")
        assert read_until_closed(client) == b""


def test_bad_body_is_not_answered_before_an_earlier_request() -> None:
    with limited_server() as server, connect(server) as client:
        earlier = GET.replace(b"small", b"slow") + b"\r\n"
        client.sendall(earlier + b"POST /whole HTTP/1.1\r\n" + CHUNKED + b"ZZ\r\n")
        assert read_until_closed(client) in {b"", b"(reset)"}


def test_body_behind_slow_response_is_not_timed() -> None:
    with limited_server(**timeouts(body=0.9)) as server, connect(server) as client:
        client.sendall(GET.replace(b"small", b"slow") + b"\r\n")
        client.sendall(b"POST /whole HTTP/1.1\r\n" + CONTENT_LENGTH_10)
        assert read_until(client, b"at last") == 200
        client.sendall(b"4567890")
        assert read_until(client, b"10") == 200


def test_target_that_is_no_url_gets_400() -> None:
    with limited_server() as server, connect(server) as client:
        client.sendall(b"POST http://[ HTTP/1.1\r\n" + CONTENT_LENGTH_10)
        check_rejection(read_until_closed(client), 400, "bad-request")


def test_invalid_http_gets_operation_outcome() -> None:
    with limited_server() as server, connect(server) as client:
        client.sendall(b"nonsense\r\n\r\n")
        check_rejection(read_until_closed(client), 400, "bad-request")


def test_idle_connection_is_closed() -> None:
    with limited_server(**timeouts(idle=0.2)) as server, connect(server) as client:
        client.sendall(GET + b"\r\n")
        assert read_until_closed(client).endswith(b"ok")


def test_surplus_connection_gets_503_except_for_health() -> None:
    with limited_server(max_connections=2) as server, ExitStack() as connections:
        for _ in range(2):
            permitted = connections.enter_context(connect(server))
            permitted.sendall(GET + b"\r\n")
            assert read_until(permitted, b"ok") == 200
        with connect(server) as client:
            client.sendall(GET + b"\r\n")
            assert int(check_rejection(read_until_closed(client), 503, "overloaded")["retry-after"]) >= 1
        with connect(server) as client:
            client.sendall(GET.replace(b"small", b"livez") + b"\r\n")
            assert read_until(client, b"ok") == 200


def test_connection_counts_as_surplus_until_others_have_closed() -> None:
    with limited_server(max_connections=1) as server, connect(server) as early, connect(server) as late:
        until(lambda: len(server.server_state.connections) == 2)
        late.sendall(GET.replace(b"small", b"livez") + b"\r\n")
        assert read_until(late, b"ok") == 200
        early.sendall(GET + b"\r\n")
        assert read_until(early, b"ok") == 200
        early.close()
        until(lambda: len(server.server_state.connections) == 1)
        late.sendall(GET + b"\r\n")
        assert read_until(late, b"ok") == 200


def test_connection_beyond_twice_the_limit_is_aborted() -> None:
    with limited_server(max_connections=1) as server, ExitStack() as connections:
        for _ in range(2):
            connections.enter_context(connect(server))
        until(lambda: len(server.server_state.connections) == 2)
        with connect(server) as client:
            assert read_until_closed(client) in {b"", b"(reset)"}


@pytest.mark.parametrize(
    ("version", "hosts", "expected"),
    [
        (b"1.1", 1, 200),
        (b"1.1", 0, 400),
        (b"1.1", 2, 400),
        (b"1.0", 0, 200),
        (b"1.0", 1, 200),
        (b"1.0", 2, 400),
    ],
)
def test_request_has_one_host(version: bytes, hosts: int, expected: int) -> None:
    """HTTP/1.0 needs none (RFC 9112 section 3.2)."""
    with limited_server() as server, connect(server) as client:
        fields = b"Host: gw\r\n" * hosts + b"Connection: close\r\n\r\n"
        client.sendall(b"GET /small HTTP/%s\r\n" % version + fields)
        response = read_until_closed(client)
    if expected == 200:
        assert status(response) == 200
    else:
        check_rejection(response, 400, "bad-request")


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        (b"a: b\r\n" * 99, ""),
        (b"a: b\r\n" * 100, "headers-too-many"),
        (b"accept: " + b"a," * 99 + b"a\r\n", ""),
        (b"accept: " + b"a," * 100 + b"a\r\n", "headers-too-many"),
        (b"if-none-exist: " + b"a," * 500 + b"\r\n", ""),
    ],
)
def test_many_header_fields_or_values_are_rejected(fields: bytes, code: str) -> None:
    with limited_server() as server, connect(server) as client:
        client.sendall(GET + fields + b"\r\n")
        if code:
            check_rejection(read_until_closed(client), 431, code)
        else:
            assert read_until(client, b"ok") == 200
