"""Only the documented text, alone in a documented shape, is the refusal of a parameter."""

from typing import Any

import msgspec
import pytest
from support.sql import REFUSAL_TEXT, refusal
from support.sql_refusals import OTHER_ANSWERS

from gateway.repairs.conversion_refusal import is_conversion_refusal

DETAILS = {"errorType": "haloLink", "errorCode": 2, "errorMessage": REFUSAL_TEXT}
#: ExecutionFailedImmediateQuery (OpenAPI 26.619).
QUERY = {
    "id": "0f0f0f0f-0000-4000-8000-00000000000f",
    "integratorId": "0f0f0f0f-0000-4000-8000-00000000000e",
    "siteId": "0f0f0f0f-0000-4000-8000-00000000000d",
    "mode": "immediate",
    "status": "executionFailed",
    "statusTiming": {"initialising": {"startTime": "2026-01-01T00:00:00Z"}, "executing": {}},
    "maxTimeInQueue": 30_000,
    "commandSize": 98,
    "requestSize": 98,
    "createdAt": "2026-01-01T00:00:00Z",
    "updatedAt": "2026-01-01T00:00:00Z",
    "completedAt": "2026-01-01T00:00:00Z",
    "errorCode": 2,
    "errorMessage": REFUSAL_TEXT,
    "errorDetails": DETAILS,
}


@pytest.mark.parametrize(
    "answer",
    [
        {"error": {"status": 400, "statusText": "Bad Request", "message": REFUSAL_TEXT}},
        {"error": {"status": 400, "message": REFUSAL_TEXT.partition(" Please")[0]}},
        {"errorDetails": DETAILS},
        {"errorDetails": DETAILS | {"errorType": "halolink"}},
        {"errorDetails": DETAILS | {"errorType": "http", "errorCode": 400}},
        {"errorDetails": DETAILS | {"errorType": None, "errorCode": None}},
        {"errorDetails": {"errorMessage": REFUSAL_TEXT}},
        QUERY,
        QUERY | {"result": None},
    ],
)
def test_documented_answer_is_the_refusal(answer: Any) -> None:
    assert is_conversion_refusal(msgspec.json.encode(answer))


@pytest.mark.parametrize("body", OTHER_ANSWERS)
def test_any_other_answer_is_not(body: bytes) -> None:
    assert not is_conversion_refusal(body)
    assert not is_conversion_refusal(body, is_poll=True)


def test_poll_tells_it_with_a_failed_query_only() -> None:
    assert is_conversion_refusal(msgspec.json.encode(QUERY), is_poll=True)
    for other in (refusal().body, msgspec.json.encode({"errorDetails": DETAILS})):
        assert not is_conversion_refusal(other, is_poll=True)
