import pytest
from conftest import Pair

from gateway.exchange import FhirResponse
from gateway.repairs.error_envelope import needs_repair

OUTCOME = b'{"resourceType":"OperationOutcome","issue":[]}'


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        (FhirResponse(400, body=OUTCOME), False),
        (FhirResponse(200, body=OUTCOME), True),
        (FhirResponse(503, body=b'{"error":{}}'), True),
        (FhirResponse(502, body=b"<html>"), True),
        (FhirResponse(500), True),
    ],
)
def test_only_outcome_with_error_status_needs_no_repair(response: FhirResponse, expected: bool) -> None:
    assert needs_repair(response) is expected


def is_repaired(pair: Pair, straight: bool) -> bool:
    pair.fault(kind="offline", times=1)
    return bool((pair.straight if straight else pair.get)("Patient/1").json().get("issue"))
