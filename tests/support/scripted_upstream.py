"""Scripted upstream, manual clock and base class for tests of one handler."""

from typing import Any

from support.requests import fhir_request

from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest, FhirResponse

Step = FhirResponse | Failure
OK = FhirResponse(200, body=b"{}")
READ = fhir_request("Patient/1")


class Clock:
    """Seconds that pass only if a test adds them or sleeps; a sleep returns at once."""

    def __init__(self) -> None:
        self.now = 1_000_000.0
        self.sleeps: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.now += seconds


class ScriptedUpstream:
    """Inner handler that returns or raises the steps in turn, repeats the last, and records the requests."""

    def __init__(self, *steps: Step) -> None:
        self._steps = list(steps)
        self.requests: list[FhirRequest] = []

    async def __call__(self, request: FhirRequest) -> FhirResponse:
        self.requests.append(request)
        step = self._steps.pop(0) if len(self._steps) > 1 else self._steps[0]
        if isinstance(step, Failure):
            raise step
        return step


class HandlerCase:
    """Handler under test; `code` returns a status or error code and stores the last failure."""

    handler: Any
    last_failure: Failure

    async def code(self, request: FhirRequest = READ) -> str:
        try:
            return str((await self.handler(request)).status)
        except Failure as failure:
            self.last_failure = failure
            return failure.kind.code
