"""Pages of text that outlive the workers that wrote them, in memory without a name."""

import os
import tempfile
from typing import Final


class KeptPages:
    """One page of text for each worker, which outlives it: make it before the workers are forked.

    Only the worker itself writes its page; all read all. A page that is cut off by the end of its writer does
    not count: its place is noted after it is complete.
    """

    _HEADER: Final = 16
    _AREA: Final = 1 << 30

    def __init__(self, count: int) -> None:
        self._files = [anonymous_file() for _ in range(count)]

    def write(self, number: int, page: bytes) -> None:
        """Replace the page of a worker."""
        file, (place, _) = self._files[number - 1], self._place(number)
        place = self._AREA if place != self._AREA else 2 * self._AREA
        os.pwrite(file, page, place)
        os.pwrite(file, place.to_bytes(8) + len(page).to_bytes(8), 0)

    def read(self, number: int) -> bytes:
        """Return the page of a worker; empty if it has none."""
        place, size = self._place(number)
        return os.pread(self._files[number - 1], size, place)

    def _place(self, number: int) -> tuple[int, int]:
        header = os.pread(self._files[number - 1], self._HEADER, 0)
        return int.from_bytes(header[:8]), int.from_bytes(header[8:])


def anonymous_file() -> int:
    """Return a file in memory, or where that does not exist a temporary one without a name."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("halo-gateway-worker")
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())
