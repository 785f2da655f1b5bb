"""Metering: the cost class of every request, counted in the request path and never as a sample.

`UpstreamMeter` wraps the client directly and names the upstream request in the response or failure.
`SavingsMeter` wraps all handlers that may respond without one. A response that coalesced requests share
names it for the one request that sent it, so that it is counted once.
"""

from collections.abc import Callable, Iterable
from http import HTTPStatus
from time import perf_counter

from gateway.errors import catalog
from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest, FhirResponse, Handler, UpstreamUse
from gateway.fhir.raw_json import UnreadableError
from gateway.ledger.cost import (
    BILLABLE_CLASSES,
    Attribution,
    CostClass,
    cost_before_response,
    cost_of_failure,
    cost_of_response,
    saving_of_failure,
    saving_of_response,
)
from gateway.ledger.recorder import Recorder
from gateway.repairs import REPAIRS, error_envelope, inactive_records, sql_parameter_conversion
from gateway.repairs.repair import Repair
from gateway.request_effects import RequestEffects
from gateway.upstreams.failures import NOT_FHIR


class UpstreamMeter:
    """Counts every upstream request, whatever its outcome."""

    def __init__(self, inner: Handler, recorder: Recorder, clock: Callable[[], float] = perf_counter) -> None:
        self._inner = inner
        self._recorder = recorder
        self._clock = clock

    async def __call__(self, request: FhirRequest) -> FhirResponse:
        """Call the inner handler.

        Raises Failure 429 for batch requests at a site whose cap is reached, and for an app whose hard budget
        is used.
        """
        attribution = self._recorder.attribution_of(request)
        self._recorder.require_permitted(request, attribution)
        start, cost, octets = self._clock(), cost_before_response(request), 0
        open_request = self._recorder.begin_request(attribution, cost)
        effects, assumed = request.effects or RequestEffects(), int(cost in BILLABLE_CLASSES)
        effects.queries += assumed
        try:
            response = await self._inner(request)
            cost, octets = cost_of_response(request, response), len(response.body)
            attribution = self._attribution_after_success(request, attribution)
        except Failure as failure:
            cost, octets = cost_of_failure(request, failure), _body_size(failure)
            raise failure.with_upstream_use(self._use(start, cost)) from failure.__cause__
        finally:
            effects.queries += int(cost in BILLABLE_CLASSES) - assumed
            self._recorder.end_request(open_request, attribution, cost, octets, self._clock() - start)
        return response.replace(upstream_use=self._use(start, cost))

    def _use(self, start: float, cost: CostClass) -> UpstreamUse:
        return UpstreamUse(1, self._clock() - start, int(cost in BILLABLE_CLASSES))

    def _attribution_after_success(self, request: FhirRequest, before: Attribution) -> Attribution:
        """Attribution of a request whose response proves its caller and site."""
        self._recorder.record_success(request)
        return self._recorder.attribution_of(request) if before.is_unproved else before


class SavingsMeter:
    """Counts requests without an upstream request, as saved or free; also errors and applied repairs."""

    def __init__(self, inner: Handler, recorder: Recorder, repairs: Iterable[Repair] = REPAIRS) -> None:
        self._inner = inner
        self._recorder = recorder
        ids = (repair.issue.id for repair in repairs if repair.examines_answers)
        self._repair_ids = [name for name in ids if name != sql_parameter_conversion.ID]

    async def __call__(self, request: FhirRequest) -> FhirResponse:
        """Call the inner handler."""
        try:
            response = await self._inner(request)
        except Exception as error:
            self._record_failure(request, error)
            raise
        self._record_response(request, response)
        return response

    def _record_response(self, request: FhirRequest, response: FhirResponse) -> None:
        attribution = self._recorder.attribution_of(request)
        has_upstream_request = response.upstream_use.requests > 0
        cost = saving_of_response(request, response, has_upstream_request=has_upstream_request)
        if cost is not None:
            self._recorder.count_requests(attribution, cost, len(response.body))
        if has_upstream_request and response.status < HTTPStatus.BAD_REQUEST:
            active = self._examining_repairs(request)
            self._recorder.metrics.count_repairs(attribution, response.applied_repairs, active)
        elif _INACTIVE_RECORDS in response.applied_repairs:
            self._recorder.metrics.count_repairs(attribution, [_INACTIVE_RECORDS], [_INACTIVE_RECORDS])

    def _record_failure(self, request: FhirRequest, error: Exception) -> None:
        attribution, failure = self._recorder.attribution_of(request), _failure_from(error)
        has_upstream_request = failure.upstream_use.requests > 0
        # Whether an upstream request came before any other exception is unknown: it is no saving.
        is_known = isinstance(error, Failure)
        cost = saving_of_failure(failure, has_upstream_request=has_upstream_request) if is_known else None
        if cost is not None:
            self._recorder.count_requests(attribution, cost, _body_size(failure))
        elif not is_known and not (request.effects and request.effects.queries):
            self._recorder.count_outside_ledger(attribution)
        self._recorder.record_failure(attribution, failure.kind, request.request_id)
        if failure.kind is inactive_records.INACTIVE_RECORDS:
            self._recorder.metrics.count_repairs(attribution, [_INACTIVE_RECORDS], [_INACTIVE_RECORDS])
        if (
            has_upstream_request
            and failure.upstream_response is not None
            and _ERROR_ENVELOPE in self._active_repairs(request)
        ):
            fired = [_ERROR_ENVELOPE] if error_envelope.needs_repair(failure.upstream_response) else []
            self._recorder.metrics.count_repairs(attribution, fired, [_ERROR_ENVELOPE])

    def _examining_repairs(self, request: FhirRequest) -> tuple[str, ...]:
        """Active repairs that examine good answers."""
        return tuple([name for name in self._active_repairs(request) if name != _ERROR_ENVELOPE])

    def _active_repairs(self, request: FhirRequest) -> list[str]:
        """Repairs that examine answers of FHIR; that of SQL queries counts itself."""
        if request.interaction.code == "sql" or request.site is None:
            return []
        disabled = request.site.disabled_repairs
        return [name for name in self._repair_ids if name not in disabled]


_ERROR_ENVELOPE = error_envelope.REPAIR.issue.id
_INACTIVE_RECORDS = inactive_records.REPAIR.issue.id


def _body_size(failure: Failure) -> int:
    return len(failure.upstream_response.body) if failure.upstream_response else 0


def _failure_from(error: Exception) -> Failure:
    """Failure into which `ErrorHandler` will convert an exception."""
    if isinstance(error, Failure):
        return error
    return Failure(NOT_FHIR if isinstance(error, UnreadableError) else catalog.GATEWAY_ERROR)
