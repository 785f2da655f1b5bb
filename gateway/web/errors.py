"""Turns a Failure into an answer: the one place that does, with the only `except Exception`."""

import traceback
from uuid import uuid4

import structlog

from gateway.errors import catalog
from gateway.errors.failure import Failure
from gateway.errors.operation_outcome import MEDIA_TYPE, encoded, outcome
from gateway.exchange import FhirRequest, FhirResponse, Handler
from gateway.fhir.bundle import UnreadableError
from gateway.http.negotiation import FHIR_JSON
from gateway.repairs import error_envelope
from gateway.upstreams.dialect import may_write
from gateway.upstreams.failures import NOT_FHIR

_log = structlog.get_logger()


class Answered:
    """Always an answer: what failed becomes an OperationOutcome, what is unexpected a reference number."""

    def __init__(self, inner: Handler) -> None:
        self._inner = inner

    async def __call__(self, request: FhirRequest) -> FhirResponse:
        """The inner answer as bytes, or the failure's OperationOutcome."""
        try:
            return (await self._inner(request)).closed()
        except Failure as failure:
            return answer(failure, request)
        except UnreadableError:
            kind = catalog.WRITE_UNKNOWN if may_write(request) else NOT_FHIR
            return answer(Failure(kind, diagnostics=f"request={request.request_id}"), request)
        except Exception as problem:  # noqa: BLE001 - the rim of the gateway: a bug must become an answer
            return answer(unexpected(problem), request)


def answer(failure: Failure, request: FhirRequest | None = None) -> FhirResponse:
    """The OperationOutcome of a failure; the upstream's own body where the client or a setting wants that."""
    if failure.received and request and _as_received(request):
        return failure.received
    fired = failure.received is not None and error_envelope.fires(failure.received)
    waiting = (("retry-after", str(failure.retry_after)),) if failure.retry_after is not None else ()
    headers = (("content-type", MEDIA_TYPE), ("cache-control", "no-store"), *waiting, *failure.headers)
    repairs = (error_envelope.REPAIR.issue.id,) if fired else ()
    return FhirResponse(failure.kind.status, headers, encoded(outcome(failure)), repairs)


def unexpected(problem: BaseException) -> Failure:
    """The failure that an exception nobody expected means: its reference number leads to the log.

    The log names the places but never repeats the exception's words, which may hold a client's values.
    """
    reference = uuid4().hex
    places = [f"{each.filename}:{each.lineno}" for each in traceback.extract_tb(problem.__traceback__)]
    _log.error("unexpected", reference=reference, exception=type(problem).__name__, places=places)
    return Failure(catalog.GATEWAY_ERROR, diagnostics=f"reference={reference}")


def _as_received(request: FhirRequest) -> bool:
    """Whether an upstream's error goes out as it came: on Halo's own endpoints unless FHIR is named."""
    if request.site is None:
        return FHIR_JSON not in request.header("accept").lower()
    return not error_envelope.REPAIR.active(request.site)
