"""Server of one worker."""

import os
import socket
from collections.abc import Iterator

import pytest
from starlette.applications import Starlette

from gateway.server.serve import bind_worker_sockets, close_sockets
from gateway.server.worker import READY, WorkerServer


@pytest.fixture
def sockets() -> Iterator[list[list[socket.socket]]]:
    bound = bind_worker_sockets("127.0.0.1", 0, 2)
    yield bound
    for each in bound:
        close_sockets(each)


def test_server_tells_its_parent_and_ends_with_it(sockets: list[list[socket.socket]]) -> None:
    status, lifeline = os.pipe(), os.pipe()
    os.close(lifeline[1])
    server = WorkerServer(Starlette(), "127.0.0.1", 0, status[1], lifeline[0])
    server.tune_gc = lambda: None  # type: ignore[method-assign] # the process is that of pytest
    server.run(sockets[0])
    assert os.read(status[0], 100) == READY
    for pipe in (*status, lifeline[0]):
        os.close(pipe)


def test_sockets_of_all_workers_have_one_port(sockets: list[list[socket.socket]]) -> None:
    assert len({each[0].getsockname() for each in sockets}) == 1
