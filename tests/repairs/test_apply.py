import pytest
from support.requests import fhir_request

from gateway.exchange import FhirResponse
from gateway.repairs import REPAIRS
from gateway.repairs.apply import repair_response, response_steps


@pytest.mark.parametrize(
    ("media_type", "body"),
    [
        ("application/pdf", b"%PDF \xff"),
        ("application/fhir+ndjson", b'{"resourceType":"Patient"}\n{"resourceType":"Patient"}\n'),
        ("application/x-NDJSON", b"{}\n{}"),
    ],
)
def test_body_with_own_media_type_is_unchanged(media_type: str, body: bytes) -> None:
    response = FhirResponse(200, (("content-type", media_type),), body)
    steps = repair_response(fhir_request("Binary/1"), response, response_steps(REPAIRS))
    with pytest.raises(StopIteration) as end:
        next(steps)
    assert end.value.value == response
