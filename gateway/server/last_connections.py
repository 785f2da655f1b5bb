"""The end of listening sockets, without loss of a connection that a client has opened.

Closing a listening socket resets connections that the system has accepted for it, and the process not yet.
A client may have sent a request on one. On Linux the system is first told to ignore further attempts to
connect; the client's system repeats those after a second, and they are refused then.
"""

import asyncio
import ctypes
import socket
import struct
import sys
from collections.abc import Iterable
from contextlib import suppress
from typing import Final

#: Seconds in which connections that are half open become whole, and are accepted.
_HANDSHAKE_SECONDS: Final = 0.1
#: SO_ATTACH_FILTER of Linux (asm-generic/socket.h), which the socket module does not name.
_SO_ATTACH_FILTER: Final = 26
#: Classic BPF on the TCP header (linux/filter.h), as code, jump if true, jump if false, operand: drop a
#: segment whose flags (byte 13) have SYN and not ACK.
_DROP_NEW_CONNECTIONS: Final = (
    (0x30, 0, 0, 13),
    (0x54, 0, 0, 0x12),
    (0x15, 0, 1, 0x02),
    (0x06, 0, 0, 0),
    (0x06, 0, 0, 0xFFFF_FFFF),
)


async def accept_last_connections(sockets: Iterable[socket.socket]) -> None:
    """Ignore new attempts to connect, if possible, and let the event loop accept the earlier ones."""
    ignored = [ignore_new_connections(each) for each in sockets]
    await asyncio.sleep(_HANDSHAKE_SECONDS if any(ignored) else 0)


def ignore_new_connections(listener: socket.socket) -> bool:
    """Ignore attempts to connect to a listening socket from now on; return whether the system can do it."""
    if sys.platform != "linux":
        return False
    code = b"".join(struct.pack("HBBI", *instruction) for instruction in _DROP_NEW_CONNECTIONS)
    buffer = ctypes.create_string_buffer(code)
    program = struct.pack("HP", len(_DROP_NEW_CONNECTIONS), ctypes.addressof(buffer))
    with suppress(OSError):
        listener.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, program)
        return True
    return False
