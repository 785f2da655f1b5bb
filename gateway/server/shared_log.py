"""Log stream of several processes: the lines of one never stand between the parts of another's."""

import fcntl
import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


class SharedLogStream(io.RawIOBase):
    """Writes to a file descriptor, alone among all processes that inherit `lock`, a descriptor of a file."""

    def __init__(self, descriptor: int, lock: int) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._lock = lock

    def writable(self) -> bool:
        """Return True."""
        return True

    def isatty(self) -> bool:
        """Whether the descriptor is a terminal."""
        return os.isatty(self._descriptor)

    def write(self, data: "ReadableBuffer", /) -> int:
        """Write all bytes, however long."""
        content = memoryview(data)
        with self._alone():
            while content:
                content = content[os.write(self._descriptor, content) :]
        return memoryview(data).nbytes

    @contextmanager
    def _alone(self) -> Iterator[None]:
        fcntl.lockf(self._lock, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.lockf(self._lock, fcntl.LOCK_UN)
