import threading

from support.sockets import BIG, connected, served, times, until, until_closed


def test_who_does_not_take_the_answer_is_left() -> None:
    with served(**times(write=0.3)) as server, connected(server, receive=4_096) as client:
        client.sendall(b"GET /big HTTP/1.1\r\nHost: gw\r\n\r\n")
        until(lambda: server.server_state.connections)
        until(lambda: not server.server_state.connections)
        assert len(until_closed(client)) < len(BIG)


def test_who_takes_the_answer_slowly_but_steadily_gets_it_whole() -> None:
    with served(**times(write=0.5)) as server, connected(server, receive=65_536) as client:
        client.sendall(b"GET /big HTTP/1.1\r\nHost: gw\r\nConnection: close\r\n\r\n")
        read, pause = 0, threading.Event()
        while piece := client.recv(500_000):
            read += len(piece)
            pause.wait(0.01)
        assert read > len(BIG)


def test_who_leaves_the_end_of_a_closed_answer_behind_is_left() -> None:
    with served(**times(write=0.3)) as server, connected(server, receive=4_096) as client:
        client.sendall(b"GET /big HTTP/1.1\r\nHost: gw\r\nConnection: close\r\n\r\n")
        until(lambda: server.server_state.connections)
        until(lambda: not server.server_state.connections)
