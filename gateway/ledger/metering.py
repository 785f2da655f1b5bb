"""Counts what each exchange cost or saved, in the request path: every one, never a sample.

`Counted` stands directly around the upstream; `Credited` inside `Answered`, around all that may answer
without asking. What one client request asks upstream is known by the context it runs in; a question that
others share is counted once, for the one whose context it started in.
"""

from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from http import HTTPStatus
from time import perf_counter

from gateway.errors import catalog
from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest, FhirResponse, Handler, Site
from gateway.fhir.raw_json import UnreadableError
from gateway.ledger.cost import Cost, after_answer, after_failure, avoided, avoided_failure, chargeable
from gateway.ledger.recorder import Recorder
from gateway.repairs import REPAIRS, error_envelope
from gateway.upstreams.failures import NOT_FHIR


@dataclass
class _Asked:
    """How many exchanges with the upstream a client's request has started."""

    count: int = 0


_ASKED: ContextVar[_Asked | None] = ContextVar("asked", default=None)


class Counted:
    """Counts every exchange with the upstream, however it ends."""

    def __init__(self, inner: Handler, recorder: Recorder, clock: Callable[[], float] = perf_counter) -> None:
        self._inner = inner
        self._recorder = recorder
        self._clock = clock

    async def __call__(self, request: FhirRequest) -> FhirResponse:
        """The inner answer, unchanged. Raises Failure 429 for batch work beyond a cap."""
        subject = self._recorder.subject(request)
        paid = chargeable(request)
        if paid:
            self._recorder.admit(subject)
        _asks()
        start, cost, octets = self._clock(), Cost.MAYBE_BILLED if paid else Cost.FREE, 0
        exchange = self._recorder.begin(subject, cost)
        try:
            response = await self._inner(request)
            cost, octets = after_answer(request, response), len(response.body)
        except Failure as failure:
            cost, octets = after_failure(request, failure), _size(failure)
            raise
        finally:
            self._recorder.end(exchange, cost, octets, self._clock() - start)
        return response


class Credited:
    """Counts what was answered without asking: saved, or free; and what repairs and failures there were."""

    def __init__(self, inner: Handler, recorder: Recorder) -> None:
        self._inner = inner
        self._recorder = recorder

    async def __call__(self, request: FhirRequest) -> FhirResponse:
        """The inner answer, unchanged."""
        asked = _Asked()
        before = _ASKED.set(asked)
        try:
            response = await self._inner(request)
        except Exception as problem:
            self._failed(request, problem, asked)
            raise
        finally:
            _ASKED.reset(before)
        self._answered(request, response, asked)
        return response

    def _answered(self, request: FhirRequest, response: FhirResponse, asked: _Asked) -> None:
        subject = self._recorder.subject(request)
        cost = avoided(request, response, asked=bool(asked.count))
        if cost is not None:
            self._recorder.count(subject, cost, len(response.body))
        if asked.count and response.status < HTTPStatus.BAD_REQUEST:
            active = [name for name in _active(request.site) if name != _ENVELOPE]
            self._recorder.meter.repairs(subject, response.repairs, active)

    def _failed(self, request: FhirRequest, problem: Exception, asked: _Asked) -> None:
        subject, failure = self._recorder.subject(request), _failure(problem)
        cost = avoided_failure(failure, asked=bool(asked.count))
        if cost is not None:
            self._recorder.count(subject, cost, _size(failure))
        self._recorder.meter.failure(subject, failure.kind.code)
        if asked.count and failure.received is not None and _ENVELOPE in _active(request.site):
            fired = [_ENVELOPE] if error_envelope.fires(failure.received) else []
            self._recorder.meter.repairs(subject, fired, [_ENVELOPE])


_ENVELOPE = error_envelope.REPAIR.issue.id


def _asks() -> None:
    asked = _ASKED.get()
    if asked is not None:
        asked.count += 1


def _size(failure: Failure) -> int:
    return len(failure.received.body) if failure.received else 0


def _active(site: Site | None) -> list[str]:
    return [each.issue.id for each in REPAIRS if each.active(site)]


def _failure(problem: Exception) -> Failure:
    """The failure that an exception will become on its way out."""
    if isinstance(problem, Failure):
        return problem
    return Failure(NOT_FHIR if isinstance(problem, UnreadableError) else catalog.GATEWAY_ERROR)
