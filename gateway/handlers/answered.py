"""Turns a Failure into an answer: the one place that does, with the only `except Exception`."""

from collections.abc import Callable
from uuid import uuid4

from gateway.core import kinds
from gateway.core.bundle import UnreadableError
from gateway.core.exchange import FhirRequest, FhirResponse, Handler
from gateway.core.failure import Failure
from gateway.core.outcome import MEDIA_TYPE, encoded, outcome
from gateway.dialects.kinds import NOT_FHIR
from gateway.repairs import error_envelope

Report = Callable[[str, BaseException], None]


class Answered:
    """Always an answer: what failed becomes an OperationOutcome, what is unexpected a reference number."""

    def __init__(self, inner: Handler, report: Report) -> None:
        self._inner = inner
        self._report = report

    async def __call__(self, request: FhirRequest) -> FhirResponse:
        """The inner answer, or the failure's OperationOutcome."""
        try:
            return await self._inner(request)
        except Failure as failure:
            return answer(failure, request)
        except UnreadableError:
            return answer(Failure(NOT_FHIR, diagnostics=f"request={request.request_id}"), request)
        except Exception as problem:  # noqa: BLE001 - the rim of the gateway: a bug must become an answer
            reference = uuid4().hex
            self._report(reference, problem)
            return answer(Failure(kinds.GATEWAY_ERROR, diagnostics=f"reference={reference}"), request)


def answer(failure: Failure, request: FhirRequest | None = None) -> FhirResponse:
    """The OperationOutcome of a failure; the upstream's own body where the repair is off."""
    repair = error_envelope.REPAIR
    if failure.received and request and not repair.active(request.site):
        return failure.received
    fired = (repair.issue.id,) if failure.received and error_envelope.fires(failure.received) else ()
    waiting = (("retry-after", str(failure.retry_after)),) if failure.retry_after is not None else ()
    headers = (("content-type", MEDIA_TYPE), ("cache-control", "no-store"), *waiting, *failure.headers)
    return FhirResponse(failure.kind.status, headers, encoded(outcome(failure)), fired)
