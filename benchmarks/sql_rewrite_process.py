"""Rewrite of one SQL query in a process of its own, so that its memory can be measured.

`python -m benchmarks.sql_rewrite_process ENCODING MEGABYTES` prints a Figures as JSON.
"""

import asyncio
import json
import subprocess
import sys
from base64 import b64encode
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from time import perf_counter, process_time

from support.sql import parameter, query, sql_request

from benchmarks.repair_process import longest_block, resident_bytes
from gateway.chain import sql_chain, with_sql_parameters
from gateway.exchange import FhirRequest, FhirResponse, Handler
from gateway.runtime import Runtime
from gateway.settings import Settings
from gateway.telemetry.log_config import configure_logging

ROUNDS = 5


@dataclass(frozen=True)
class Figures:
    """Size of the body in bytes, seconds, peak memory beyond the idle process, longest block in seconds.

    The block is CPU time of all threads of the process, which other work on the machine does not lengthen.
    """

    size: int
    seconds: float
    memory: int
    longest_block: float


def query_with(encoding: str, size: int) -> bytes:
    """Body of a query with one large value: `base64`, `hex` or `text` of so many bytes."""
    content = Random(14).randbytes(size)
    if encoding == "text":
        return query(parameter("@Note", "NVarChar", content.hex()[:size].replace("a", "'")))
    value = "0x" + content.hex() if encoding == "hex" else b64encode(content).decode()
    return query(parameter("@Content", "VarBinary", value), parameter("@Title", "NVarChar", "x"))


def sql_handler() -> Handler:
    """All handlers of a SQL query over an upstream that answers at once."""
    configure_logging("error")

    async def upstream(request: FhirRequest) -> FhirResponse:
        assert b'"type":"text"' in request.body[:200_000] + request.body[-200_000:]
        return FhirResponse(200, (("content-type", "application/json"),), b'{"result":{}}')

    async def admit(request: FhirRequest) -> None:
        del request

    runtime = Runtime(Settings())
    handler = with_sql_parameters(upstream, runtime, runtime.settings.upstream, admit)
    return sql_chain(runtime, handler).handler


async def measure_rewrite(handle: Handler, body: bytes) -> Figures:
    """Memory and time of the first query; longest block of others, the best of some."""
    request = sql_request("immediate", body)
    before, start = resident_bytes("VmRSS"), perf_counter()
    await send(handle, request)
    seconds, memory = perf_counter() - start, resident_bytes("VmHWM") - before
    blocks = [await longest_block(lambda: send(handle, request), process_time) for _ in range(ROUNDS)]
    return Figures(len(body), seconds, memory, min(blocks))


async def send(handle: Handler, request: FhirRequest) -> None:
    """Send a query, which must succeed."""
    response = await handle(request)
    assert response.status == 200, response.body


def measure_value(encoding: str, size: int, folder: Path) -> Figures:
    """Figures of a value; another process writes the body, so that its memory is not measured."""
    path, handle = folder / "query.json", sql_handler()
    code = f"import benchmarks.sql_rewrite_process as p; p.write_query({encoding!r}, {size}, {str(path)!r})"
    subprocess.run([sys.executable, "-c", code], check=True)
    asyncio.run(send(handle, sql_request("immediate", query_with(encoding, 20_000))))
    return asyncio.run(measure_rewrite(handle, path.read_bytes()))


def write_query(encoding: str, size: int, path: str) -> None:
    """Write the body of a query."""
    Path(path).write_bytes(query_with(encoding, size))


if __name__ == "__main__":
    with TemporaryDirectory() as name:
        figures = measure_value(sys.argv[1], int(float(sys.argv[2]) * 1e6), Path(name))
    sys.stdout.write(f"{json.dumps(asdict(figures))}\n")
