"""An upstream that answers by a list, a clock that moves when told or slept on, and a caller's request."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from structlog.testing import capture_logs
from support.requests import fhir_request

from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest, FhirResponse

Step = FhirResponse | Failure
OK = FhirResponse(200, body=b"{}")
READ = fhir_request("Patient/1")


class Clock:
    """Seconds that pass only when a test says so; sleeping takes no time but the clock's."""

    def __init__(self) -> None:
        self.now = 1_000_000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


class Scripted:
    """An inner handler that gives the steps in turn, the last for ever, and remembers what it was asked."""

    def __init__(self, *steps: Step) -> None:
        self._steps = list(steps)
        self.asked: list[FhirRequest] = []

    async def __call__(self, request: FhirRequest) -> FhirResponse:
        self.asked.append(request)
        step = self._steps.pop(0) if len(self._steps) > 1 else self._steps[0]
        if isinstance(step, Failure):
            raise step
        return step

    @property
    def queries(self) -> list[str]:
        return [each.upstream_search.query for each in self.asked]


class Asking:
    """A handler under test, asked for a status or a failure's code; the last failure is kept."""

    handler: Any
    last: Failure

    async def code(self, request: FhirRequest = READ) -> str:
        try:
            return str((await self.handler(request)).status)
        except Failure as failure:
            self.last = failure
            return failure.kind.code


def run(steps: Coroutine[Any, Any, None]) -> None:
    """The steps of a test, with log lines kept out of its output."""
    with capture_logs():
        asyncio.run(steps)
