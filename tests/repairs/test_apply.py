import pytest
from support.requests import fhir_request

from gateway.exchange import FhirResponse
from gateway.repairs import REPAIRS
from gateway.repairs.apply import repair_response, response_steps


def test_binary_with_own_media_type_is_unchanged() -> None:
    pdf = FhirResponse(200, (("content-type", "application/pdf"),), b"%PDF \xff")
    steps = repair_response(fhir_request("Binary/1"), pdf, response_steps(REPAIRS))
    with pytest.raises(StopIteration) as end:
        next(steps)
    assert end.value.value == pdf
