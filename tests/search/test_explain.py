"""Operation $explain."""

from typing import Any

import msgspec
import pytest
from fhir.resources.R4B.operationoutcome import OperationOutcome
from support.requests import fhir_request

from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest, FhirResponse
from gateway.paging.page_token import TokenCipher
from gateway.search.explain import ExplainOperation
from gateway.search_handlers import initial_knowledge, planning_handlers
from gateway.settings import Settings

pytestmark = pytest.mark.anyio

PLANNING = planning_handlers(Settings(), TokenCipher(["k" * 44]), initial_knowledge(Settings(), lambda: 0.0))


async def response_body(path: str, body: object) -> Any:
    async def inner(request: FhirRequest) -> FhirResponse:
        return FhirResponse(200, body=b"upstream")

    request = fhir_request(path, method="POST", body=msgspec.json.encode(body))
    return (await ExplainOperation(inner, PLANNING)(request)).body


def parameters(search: str) -> object:
    return {"resourceType": "Parameters", "parameter": [{"name": "search", "valueString": search}]}


async def test_explanation_is_an_informational_operation_outcome() -> None:
    body = await response_body("$explain", parameters("Appointment?date=2026-04"))
    outcome = OperationOutcome.model_validate_json(body)
    assert outcome.issue[0].severity == "information"
    assert "date=ge2026-04-01T00:00:00" in outcome.issue[0].details.text


@pytest.mark.parametrize("body", [{}, [], parameters(""), parameters("Patient/1"), parameters("metadata")])
async def test_body_without_a_search_is_rejected(body: object) -> None:
    with pytest.raises(Failure) as raised:
        await response_body("$explain", body)
    assert raised.value.kind.code == "nothing-to-explain"


async def test_other_operation_is_passed_on() -> None:
    assert await response_body("Patient/1/$summary", {}) == b"upstream"


async def test_count_that_is_no_number_is_rejected() -> None:
    with pytest.raises(Failure) as raised:
        await response_body("$explain", parameters("Patient?_count=x"))
    assert raised.value.kind.code == "bad-count"
