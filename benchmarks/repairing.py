"""One way of repairing one Bundle, in a process of its own so that its memory is its own.

`python -m bench.repairing WAY FILE` prints a Figures as JSON.
"""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median
from time import perf_counter

Way = Callable[[bytes], Awaitable[bytes]]

UPSTREAM = "https://api.haloconnect.io"
SECONDS = 0.5


@dataclass(frozen=True)
class Figures:
    """Bytes repaired a second; peak memory beyond the idle process and the longest time others waited."""

    rate: float
    memory: int
    hold: float


def bare() -> Way:
    """orjson's round trip, nothing done."""
    import orjson

    async def way(body: bytes) -> bytes:
        return bytes(orjson.dumps(orjson.loads(body)))

    return way


def mended() -> Way:
    """The repairs' answer facets, driven to the end, and the answer as bytes."""
    from support.requests import fhir_request

    from gateway.exchange import FhirResponse
    from gateway.repairs import REPAIRS, apply

    request, facets = fhir_request("Appointment"), apply.response_steps(REPAIRS)

    async def way(body: bytes) -> bytes:
        steps = apply.repair_response(request, FhirResponse(200, body=body), facets)
        while True:
            try:
                next(steps)
            except StopIteration as end:
                answer: FhirResponse = end.value
                return answer.with_encoded_body().body
            await asyncio.sleep(0)

    return way


def handled() -> Way:
    """Every handler of the gateway, over an upstream that has its answer at hand."""
    from support.requests import fhir_request

    from gateway.chain import practice_chain
    from gateway.exchange import FhirRequest, FhirResponse
    from gateway.runtime import Runtime
    from gateway.settings import Cache, Settings
    from gateway.telemetry.log_config import configure_logging

    configure_logging("error")

    async def upstream(request: FhirRequest) -> FhirResponse:
        return FhirResponse(200, (("content-type", "application/json"),), request.body)

    process = Runtime(Settings(cache=Cache(profile="off")))  # the way through is measured
    handle, request = practice_chain(process, upstream).handler, fhir_request("Appointment")

    async def way(body: bytes) -> bytes:
        answer: FhirResponse = await handle(request.replace(body=body))
        return answer.body

    return way


async def measured(way: Way, read: Callable[[], bytes]) -> Figures:
    """The memory of the first run, the median rate of several, the longest hold of one more."""
    before = _memory("VmRSS")
    body = read()
    result = await way(body)
    memory = _memory("VmHWM") - before
    assert len(json.loads(result)["entry"]) == body.count(b'"fullUrl"'), "the repaired page must be whole"
    times: list[float] = []
    while sum(times) < SECONDS or len(times) < 3:
        start = perf_counter()
        await way(body)
        times.append(perf_counter() - start)
    return Figures(len(body) / median(times), memory, await _hold(way, body))


async def _hold(way: Way, body: bytes) -> float:
    """The longest time in which nobody else had a turn while a body was repaired, in seconds."""
    turns = [perf_counter()]

    async def other() -> None:
        while True:
            await asyncio.sleep(0)
            turns.append(perf_counter())

    beside = asyncio.create_task(other())
    await asyncio.sleep(0)
    await way(body)
    await asyncio.sleep(0)
    beside.cancel()
    with suppress(asyncio.CancelledError):
        await beside
    return max(after - before for before, after in pairwise(turns))


def _memory(name: str) -> int:
    """Bytes of `VmRSS` (now) or `VmHWM` (at most so far); ru_maxrss would begin with the parent's."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition(f"{name}:")[2].split()[0]) * 1024


WAYS = {each.__name__: each for each in (bare, mended, handled)}

if __name__ == "__main__":
    made = WAYS[sys.argv[1]]()
    figures = asyncio.run(measured(made, Path(sys.argv[2]).read_bytes))
    sys.stdout.write(f"{json.dumps(asdict(figures))}\n")
