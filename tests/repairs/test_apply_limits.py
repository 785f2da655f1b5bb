"""Bundles of very many entries."""

import pytest
from support.requests import fhir_request

from gateway.errors.failure import Failure
from gateway.exchange import FhirResponse
from gateway.repairs.apply import MAX_ENTRIES, repair_response, response_steps


@pytest.mark.parametrize(("method", "code"), [("GET", "result-too-large"), ("POST", "write-outcome-unknown")])
@pytest.mark.parametrize(
    "order", [b'{"resourceType":"Bundle","entry":[%b]}', b'{"entry":[%b],"resourceType":"Bundle"}']
)
def test_bundle_of_too_many_entries_is_refused(order: bytes, method: str, code: str) -> None:
    request = fhir_request("Slot", method=method)
    for count in (MAX_ENTRIES, MAX_ENTRIES + 1):
        body = order % b",".join([b"{}"] * count)
        turns = repair_response(request, FhirResponse(200, (), body), response_steps(()))
        if count == MAX_ENTRIES:
            assert len(list(turns)) >= MAX_ENTRIES // 256
        else:
            with pytest.raises(Failure) as raised:
                list(turns)
            assert raised.value.kind.code == code
