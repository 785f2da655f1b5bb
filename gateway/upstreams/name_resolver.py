"""Addresses of upstream hosts: one look-up per name at a time, in threads of its own, kept for ten seconds.

The event loop's own look-ups would share two threads with each other: a name server that does not respond
for one upstream would take every other upstream down.
"""

import asyncio
import socket
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import partial
from ipaddress import ip_address
from math import inf
from threading import Thread
from typing import Any

from gateway.stores.bounded_dict import BoundedDict

#: Seconds for which addresses are used; the system does not say for how long they are valid.
ADDRESS_SECONDS = 10.0
#: Maximum number of names with addresses, and of names that are looked up at a time.
MAX_NAMES, MAX_THREADS = 256, 8

#: Items as `socket.getaddrinfo` returns them.
Addresses = Sequence[Any]
_NONE: tuple[float, Addresses] = (-inf, ())


class NameResolver:
    """Looks up names for one connection pool. A failure is not kept; all that wait for a look-up get it."""

    def __init__(self, look_up: Callable[..., Addresses] = socket.getaddrinfo) -> None:
        self._look_up = look_up
        self._threads = asyncio.Semaphore(MAX_THREADS)
        #: By host and port: the time of the event loop until which the addresses are used.
        self._found = BoundedDict[tuple[str, int], tuple[float, Addresses]](MAX_NAMES)
        self._running: dict[tuple[str, int], asyncio.Future[Addresses]] = {}

    async def resolve(self, host: str, port: int) -> Addresses:
        """Return the addresses of a host; one that is an address is not looked up. Raises OSError.

        A caller that leaves does not end the look-up.
        """
        loop, name = asyncio.get_running_loop(), (host, port)
        expires_at, addresses = self._found.get(name, _NONE)
        if loop.time() < expires_at:
            return addresses
        return _numeric(host, port) or await asyncio.shield(self._running.get(name) or self._start(*name))

    def forget(self, host: str, port: int) -> None:
        """Look the name up again next time: no address of it was reached."""
        self._found.pop((host, port), None)

    def _start(self, host: str, port: int) -> asyncio.Future[Addresses]:
        look_up = partial(self._look_up, host, port, type=socket.SOCK_STREAM)
        running = asyncio.ensure_future(self._run_in_thread(look_up))
        self._running[host, port] = running
        running.add_done_callback(partial(self._end, (host, port)))
        return running

    async def _run_in_thread(self, look_up: Callable[[], Addresses]) -> Addresses:
        """Run a look-up in a daemon thread: Python waits at its exit for those of a ThreadPoolExecutor."""
        async with self._threads:
            found = Future[Addresses]()
            Thread(target=_set_result, args=(found, look_up), name="name-resolver", daemon=True).start()
            return await asyncio.wrap_future(found)

    def _end(self, name: tuple[str, int], running: asyncio.Future[Addresses]) -> None:
        del self._running[name]
        if not running.cancelled() and running.exception() is None:
            self._found[name] = running.get_loop().time() + ADDRESS_SECONDS, running.result()


def _set_result(found: Future[Addresses], look_up: Callable[[], Addresses]) -> None:
    try:
        found.set_result(look_up())
    except Exception as error:  # noqa: BLE001 - raised where the look-up is awaited
        found.set_exception(error)


def _numeric(host: str, port: int) -> Addresses:
    """Return what an address stands for, without a look-up; nothing for a name."""
    try:
        ip_address(host)
    except ValueError:
        return ()
    return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
