"""Refusal of queries before they take a trial, a permit or a place."""

import pytest
from structlog.testing import capture_logs
from support.ledger import RecordingSink, ledger_names
from support.requests import NOW, fhir_request, json_response

from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest, FhirResponse
from gateway.ledger.caps import DailyCap
from gateway.ledger.cost import CostClass
from gateway.ledger.daily_usage import DailyUsage
from gateway.ledger.recorder import Recorder
from gateway.ledger.spending_gate import SpendingGate

pytestmark = pytest.mark.anyio

BATCH_WORK = fhir_request("Patient", headers=(("priority", "u=7"),))


def recorder_with_used_cap() -> Recorder:
    sink, cap = RecordingSink(), DailyCap(queries=1, rejects_batch=True)
    recorder = Recorder(sink, DailyUsage(lambda _: cap), sink, ledger_names(), now=lambda: NOW)
    with capture_logs():
        recorder.count_requests(recorder.attribution_of(BATCH_WORK), CostClass.BILLED)
    return recorder


@pytest.mark.parametrize(
    ("request_", "is_refused"),
    [
        (BATCH_WORK, True),
        (fhir_request("Patient"), False),
        (fhir_request("metadata", headers=BATCH_WORK.headers), False),
    ],
)
async def test_query_beyond_a_cap_reaches_no_further_handler(request_: FhirRequest, is_refused: bool) -> None:
    reached: list[FhirRequest] = []

    async def inner(request: FhirRequest) -> FhirResponse:
        reached.append(request)
        return json_response({})

    gate = SpendingGate(inner, recorder_with_used_cap())
    if is_refused:
        with pytest.raises(Failure) as raised:
            await gate(request_)
        assert raised.value.kind.status == 429
    else:
        await gate(request_)
    assert bool(reached) is not is_refused
