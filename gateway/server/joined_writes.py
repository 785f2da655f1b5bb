"""Transport of one response that sends the head together with the body: one packet and system call less."""

import asyncio

#: Bytes from which a body is written separately: copying it behind the head would cost more.
_SEPARATE_WRITE_BYTES = 65_536
_INTERIM = b"HTTP/1.1 100 "


class JoinedWrites:
    """Holds the head of a response until the next write, which its body always is; not for HEAD.

    It has what uvicorn's cycle of a response uses of `asyncio.Transport`.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._head: bytes | None = None
        self._is_head_written = False

    def write(self, data: bytes) -> None:
        """Hold the head, or write what comes after it; `100 Continue` is no head."""
        if self._is_head_written or data.startswith(_INTERIM):
            self._transport.write(data)
        elif self._head is None:
            self._head = data
        elif len(data) < _SEPARATE_WRITE_BYTES:
            self._head += data
            self._write_head()
        else:
            self._write_head()
            self._transport.write(data)

    def is_closing(self) -> bool:
        """Whether the connection is closed or will be."""
        return self._transport.is_closing()

    def close(self) -> None:
        """Write the head if there is no body, and close the connection."""
        self._write_head()
        self._transport.close()

    def _write_head(self) -> None:
        if self._head is not None and not self._is_head_written:
            self._transport.write(self._head)
            self._head, self._is_head_written = None, True
