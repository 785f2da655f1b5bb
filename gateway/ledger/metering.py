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
from gateway.ledger.cost import (
    CostClass,
    cost_of_failure,
    cost_of_response,
    is_billable,
    saving_of_failure,
    saving_of_response,
)
from gateway.ledger.recorder import Recorder
from gateway.repairs import REPAIRS, error_envelope
from gateway.upstreams.failures import NOT_FHIR


@dataclass
class _UpstreamRequestCount:
    """How many exchanges with the upstream a client's request has started."""

    count: int = 0


_UPSTREAM_REQUEST_COUNT: ContextVar[_UpstreamRequestCount | None] = ContextVar("asked", default=None)


class UpstreamMeter:
    """Counts every exchange with the upstream, however it ends."""

    def __init__(self, inner: Handler, recorder: Recorder, clock: Callable[[], float] = perf_counter) -> None:
        self._inner = inner
        self._recorder = recorder
        self._clock = clock

    async def __call__(self, request: FhirRequest) -> FhirResponse:
        """The inner answer, unchanged. Raises Failure 429 for batch work beyond a cap."""
        subject = self._recorder.attribution_of(request)
        paid = is_billable(request)
        if paid:
            self._recorder.require_within_cap(subject)
        _count_upstream_request()
        start, cost, octets = self._clock(), CostClass.MAYBE_BILLED if paid else CostClass.FREE, 0
        exchange = self._recorder.begin_request(subject, cost)
        try:
            response = await self._inner(request)
            cost, octets = cost_of_response(request, response), len(response.body)
        except Failure as failure:
            cost, octets = cost_of_failure(request, failure), _body_size(failure)
            raise
        finally:
            self._recorder.end_request(exchange, cost, octets, self._clock() - start)
        return response


class SavingsMeter:
    """Counts what was answered without asking: saved, or free; and what repairs and failures there were."""

    def __init__(self, inner: Handler, recorder: Recorder) -> None:
        self._inner = inner
        self._recorder = recorder

    async def __call__(self, request: FhirRequest) -> FhirResponse:
        """The inner answer, unchanged."""
        asked = _UpstreamRequestCount()
        before = _UPSTREAM_REQUEST_COUNT.set(asked)
        try:
            response = await self._inner(request)
        except Exception as problem:
            self._record_failure(request, problem, asked)
            raise
        finally:
            _UPSTREAM_REQUEST_COUNT.reset(before)
        self._record_response(request, response, asked)
        return response

    def _record_response(
        self, request: FhirRequest, response: FhirResponse, upstream_requests: _UpstreamRequestCount
    ) -> None:
        subject = self._recorder.attribution_of(request)
        cost = saving_of_response(request, response, has_upstream_request=bool(upstream_requests.count))
        if cost is not None:
            self._recorder.count_requests(subject, cost, len(response.body))
        if upstream_requests.count and response.status < HTTPStatus.BAD_REQUEST:
            active = [name for name in _active_repairs(request.site) if name != _ERROR_ENVELOPE]
            self._recorder.metrics.count_repairs(subject, response.applied_repairs, active)

    def _record_failure(
        self, request: FhirRequest, error: Exception, upstream_requests: _UpstreamRequestCount
    ) -> None:
        subject, failure = self._recorder.attribution_of(request), _failure_from(error)
        cost = saving_of_failure(failure, has_upstream_request=bool(upstream_requests.count))
        if cost is not None:
            self._recorder.count_requests(subject, cost, _body_size(failure))
        self._recorder.metrics.count_failure(subject, failure.kind.code)
        if (
            upstream_requests.count
            and failure.upstream_response is not None
            and _ERROR_ENVELOPE in _active_repairs(request.site)
        ):
            fired = [_ERROR_ENVELOPE] if error_envelope.needs_repair(failure.upstream_response) else []
            self._recorder.metrics.count_repairs(subject, fired, [_ERROR_ENVELOPE])


_ERROR_ENVELOPE = error_envelope.REPAIR.issue.id


def _count_upstream_request() -> None:
    asked = _UPSTREAM_REQUEST_COUNT.get()
    if asked is not None:
        asked.count += 1


def _body_size(failure: Failure) -> int:
    return len(failure.upstream_response.body) if failure.upstream_response else 0


def _active_repairs(site: Site | None) -> list[str]:
    return [each.issue.id for each in REPAIRS if each.is_active(site)]


def _failure_from(error: Exception) -> Failure:
    """The failure that an exception will become on its way out."""
    if isinstance(error, Failure):
        return error
    return Failure(NOT_FHIR if isinstance(error, UnreadableError) else catalog.GATEWAY_ERROR)
