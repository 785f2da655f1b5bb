"""Connections that are opened while a listening socket ends."""

import asyncio
import socket
import sys
from collections.abc import Iterator

import pytest

from gateway.server.last_connections import accept_last_connections, ignore_new_connections


@pytest.fixture(params=["127.0.0.1", "::1"])
def listener(request: pytest.FixtureRequest) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in request.param else socket.AF_INET
    try:
        listener = socket.create_server((request.param, 0), family=family)
    except OSError:
        pytest.skip(f"this machine has no {request.param}")
    with listener:
        yield listener


@pytest.mark.skipif(sys.platform != "linux", reason="a filter of Linux")
def test_new_connections_are_ignored_and_earlier_ones_kept(listener: socket.socket) -> None:
    address = listener.getsockname()[:2]
    with socket.create_connection(address) as earlier:
        assert ignore_new_connections(listener)
        with pytest.raises(TimeoutError):
            socket.create_connection(address, timeout=0.2)
        earlier.sendall(b"request")
        accepted, _ = listener.accept()
        with accepted:
            assert accepted.recv(100) == b"request"
            accepted.sendall(b"answer")
        assert earlier.recv(100) == b"answer"


@pytest.mark.anyio
async def test_loop_accepts_all_that_connected_before_the_end(listener: socket.socket) -> None:
    loop, accepted = asyncio.get_running_loop(), []
    server = await loop.create_server(
        lambda: accepted.append(asyncio.Protocol()) or accepted[-1], sock=listener
    )
    clients = [socket.create_connection(listener.getsockname()[:2]) for _ in range(20)]
    assert accepted == []
    await accept_last_connections([listener])
    server.close()
    assert len(accepted) == len(clients)
    for client in clients:
        client.close()
    await asyncio.sleep(0.05)
