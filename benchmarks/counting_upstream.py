"""Upstream of `stub.py`, on the load generator's core."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from benchmarks import measure
from benchmarks.measure import Server
from benchmarks.stub import MAX_BYTES

_STUB = Path(__file__).with_name("stub.py")


@contextmanager
def counting_upstream(folder: Path, seconds: float = 0, max_bytes: int = MAX_BYTES) -> Iterator[Server]:
    """Run an upstream that counts its requests and responds after some seconds with up to `max_bytes`."""
    port = measure.free_port()
    command = (sys.executable, str(_STUB), str(port), str(seconds), str(max_bytes))
    with measure.run_server(command, port, folder / "stub.log", core=measure.LOAD) as server:
        yield server


def query_count(upstream: Server) -> int:
    """Number of requests that the upstream has received."""
    return int(httpx.get(f"{upstream.url}/count", trust_env=False).json())
