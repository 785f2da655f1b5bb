"""Repair of a Bundle in a separate process, so that its memory can be measured.

`python -m benchmarks.repair_process VARIANT FILE` prints a Figures as JSON.
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
from time import perf_counter, process_time

#: Repairs the body that `read` returns, and keeps no other reference to it, as for an upstream's answer.
RepairFunction = Callable[[Callable[[], bytes]], Awaitable[bytes]]

UPSTREAM = "https://api.haloconnect.io"
SECONDS = 0.5


@dataclass(frozen=True)
class Figures:
    """Bytes per second, peak memory beyond the idle process, longest block of the loop; in seconds of CPU."""

    rate: float
    memory: int
    longest_block: float


def orjson_round_trip() -> RepairFunction:
    """Decode and encode with orjson, without any repair."""
    import orjson

    async def repair(read: Callable[[], bytes]) -> bytes:
        return bytes(orjson.dumps(orjson.loads(read())))

    return repair


def response_repairs() -> RepairFunction:
    """Apply the response repairs and encode the response."""
    from support.requests import fhir_request

    from gateway.exchange import FhirResponse
    from gateway.repairs import REPAIRS, apply

    request, facets = fhir_request("Appointment"), apply.response_steps(REPAIRS)

    async def repair(read: Callable[[], bytes]) -> bytes:
        steps = apply.repair_response(request, FhirResponse(200, body=read()), facets)
        while True:
            try:
                next(steps)
            except StopIteration as end:
                response: FhirResponse = end.value
                return response.with_encoded_body().body
            await asyncio.sleep(0)

    return repair


def all_handlers() -> RepairFunction:
    """Run every handler of the gateway over an upstream that responds at once."""
    from support.requests import fhir_request

    from gateway.chain import practice_chain
    from gateway.exchange import FhirRequest, FhirResponse
    from gateway.runtime import Runtime
    from gateway.search_handlers import initial_knowledge
    from gateway.settings import Cache, Settings
    from gateway.telemetry.log_config import configure_logging

    configure_logging("error")

    bodies: list[Callable[[], bytes]] = []

    async def upstream(_: FhirRequest) -> FhirResponse:
        return FhirResponse(200, (("content-type", "application/json"),), bodies.pop()())

    runtime = Runtime(Settings(cache=Cache(profile="off")))  # pass-through is measured
    knowledge = initial_knowledge(runtime.settings, lambda: 0.0)
    handle = practice_chain(runtime, upstream, runtime.cache_config, knowledge).handler
    request = fhir_request("Appointment")

    async def repair(read: Callable[[], bytes]) -> bytes:
        bodies.append(read)
        response: FhirResponse = await handle(request)
        return response.body

    return repair


async def measure_repair(repair: RepairFunction, read: Callable[[], bytes]) -> Figures:
    """Memory of the first run, median rate of several runs, longest block of one more run."""
    before = resident_bytes("VmRSS")
    result = await repair(read)
    memory = resident_bytes("VmHWM") - before
    body = read()
    assert len(json.loads(result)["entry"]) == body.count(b'"fullUrl"'), "the repaired page must be whole"
    times: list[float] = []
    while sum(times) < SECONDS or len(times) < 3:
        start = process_time()
        await repair(lambda: body)
        times.append(process_time() - start)
    hold = await longest_block(lambda: repair(lambda: body), process_time)
    return Figures(len(body) / median(times), memory, hold)


async def longest_block(
    act: Callable[[], Awaitable[object]], clock: Callable[[], float] = perf_counter
) -> float:
    """Longest time in seconds in which no other task could run during an action."""
    moments = [clock()]

    async def record_moments() -> None:
        while True:
            await asyncio.sleep(0)
            moments.append(clock())

    recorder = asyncio.create_task(record_moments())
    await asyncio.sleep(0)
    await act()
    await asyncio.sleep(0)
    recorder.cancel()
    with suppress(asyncio.CancelledError):
        await recorder
    return max(after - before for before, after in pairwise(moments))


def resident_bytes(name: str) -> int:
    """Bytes of `VmRSS` (now) or `VmHWM` (maximum); ru_maxrss would begin with the parent's."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition(f"{name}:")[2].split()[0]) * 1024


VARIANTS = {variant.__name__: variant for variant in (orjson_round_trip, response_repairs, all_handlers)}

if __name__ == "__main__":
    function = VARIANTS[sys.argv[1]]()
    figures = asyncio.run(measure_repair(function, Path(sys.argv[2]).read_bytes))
    sys.stdout.write(f"{json.dumps(asdict(figures))}\n")
