import asyncio
from typing import Any

import msgspec
import pytest
from fhir.resources.R4B.operationoutcome import OperationOutcome
from support.requests import fhir_request

from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest, FhirResponse
from gateway.search.explain import ExplainOperation


def ask(path: str, body: object) -> Any:
    async def inner(request: FhirRequest) -> FhirResponse:
        return FhirResponse(200, body=b"upstream")

    request = fhir_request(path, method="POST", body=msgspec.json.encode(body))
    return asyncio.run(ExplainOperation(inner)(request)).body


def parameters(search: str) -> object:
    return {"resourceType": "Parameters", "parameter": [{"name": "search", "valueString": search}]}


def test_the_explanation_is_an_operation_outcome_of_information() -> None:
    outcome = OperationOutcome.model_validate_json(ask("$explain", parameters("Appointment?date=2026-04")))
    assert outcome.issue[0].severity == "information"
    assert "date=ge2026-04-01T00:00:00" in outcome.issue[0].details.text


@pytest.mark.parametrize("body", [{}, [], parameters(""), parameters("Patient/1"), parameters("metadata")])
def test_without_a_search_there_is_nothing_to_explain(body: object) -> None:
    with pytest.raises(Failure) as refused:
        ask("$explain", body)
    assert refused.value.kind.code == "nothing-to-explain"


def test_any_other_operation_goes_on() -> None:
    assert ask("Patient/1/$summary", {}) == b"upstream"
