import pytest
from support.requests import fhir_request

from gateway.exchange import FhirResponse
from gateway.repairs import REPAIRS
from gateway.repairs.apply import facets, mended


def test_a_binary_under_its_own_type_passes_as_it_is() -> None:
    pdf = FhirResponse(200, (("content-type", "application/pdf"),), b"%PDF \xff")
    steps = mended(fhir_request("Binary/1"), pdf, facets(REPAIRS))
    with pytest.raises(StopIteration) as end:
        next(steps)
    assert end.value.value == pdf
