"""Write timeout of a client connection."""

import threading

from support.sockets import LARGE_BODY, connect, limited_server, read_until_closed, timeouts, until

GET_LARGE = b"GET /large HTTP/1.1\r\nHost: gw\r\n"


def test_client_that_does_not_read_is_disconnected() -> None:
    with limited_server(**timeouts(write=0.3)) as server, connect(server, receive_buffer=4_096) as client:
        client.sendall(GET_LARGE + b"\r\n")
        until(lambda: server.server_state.connections)
        until(lambda: not server.server_state.connections)
        assert len(read_until_closed(client)) < len(LARGE_BODY)


def test_slow_but_steady_client_gets_complete_response() -> None:
    with limited_server(**timeouts(write=0.5)) as server, connect(server, receive_buffer=65_536) as client:
        client.sendall(GET_LARGE + b"Connection: close\r\n\r\n")
        received_bytes, pause = 0, threading.Event()
        while chunk := client.recv(500_000):
            received_bytes += len(chunk)
            pause.wait(0.01)
        assert received_bytes > len(LARGE_BODY)


def test_closing_connection_has_write_timeout() -> None:
    with limited_server(**timeouts(write=0.3)) as server, connect(server, receive_buffer=4_096) as client:
        client.sendall(GET_LARGE + b"Connection: close\r\n\r\n")
        until(lambda: server.server_state.connections)
        until(lambda: not server.server_state.connections)
