"""The upstream of `stub.py`, on the load generator's core."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from benchmarks import measure
from benchmarks.measure import Server

_STUB = Path(__file__).with_name("stub.py")


@contextmanager
def counting(folder: Path, seconds: float = 0) -> Iterator[Server]:
    """An upstream that counts, and answers after some seconds."""
    port = measure.free_port()
    command = (sys.executable, str(_STUB), str(port), str(seconds))
    with measure.running(command, port, folder / "stub.log", core=measure.LOAD) as server:
        yield server


def queries(upstream: Server) -> int:
    """How many it has been asked."""
    return int(httpx.get(f"{upstream.url}/count", trust_env=False).json())
