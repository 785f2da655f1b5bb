"""Refusal of queries by cap or budget before they take a trial of a circuit, a permit or a place."""

from gateway.exchange import FhirRequest, FhirResponse, Handler
from gateway.ledger.recorder import Recorder


class SpendingGate:
    """Rejects requests whose query a cap or a hard budget does not permit; `UpstreamMeter` checks again.

    A request that will not be sent must not be the trial on which all others of the practice wait.
    """

    def __init__(self, inner: Handler, recorder: Recorder) -> None:
        self._inner = inner
        self._recorder = recorder

    async def __call__(self, request: FhirRequest) -> FhirResponse:
        """Call the inner handler. Raises Failure 429 as `Recorder.require_permitted` does."""
        self._recorder.require_permitted(request, self._recorder.attribution_of(request))
        return await self._inner(request)
