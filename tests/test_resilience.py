import asyncio

import pytest
from conftest import settings_for
from exchanges import fhir_request, json_response
from structlog.testing import capture_logs

from gateway.core.exchange import FhirRequest, FhirResponse, Handler
from gateway.core.failure import Failure
from gateway.dialects.practice import RESULT_TOO_LARGE
from gateway.resilience import Resilience, secret
from gateway.settings import Pages, Rest, Settings
from gateway.stores.memory import MemoryStore


def asked(answer: Handler, *requests: FhirRequest, settings: Settings | None = None) -> list[FhirResponse]:
    found = settings or settings_for("http://upstream")

    async def run() -> list[FhirResponse]:
        around = Resilience(found, found.upstream, MemoryStore(), b"secret").around(lambda _: answer)
        return [await around(request) for request in requests]

    with capture_logs():
        return asyncio.run(run())


def test_a_page_that_is_too_large_is_asked_for_again_smaller() -> None:
    counts: list[str] = []

    async def halo(request: FhirRequest) -> FhirResponse:
        counts.append(request.search.values("_count")[0])
        if int(counts[-1]) > 30:
            raise Failure(RESULT_TOO_LARGE)
        return json_response({"resourceType": "Bundle", "type": "searchset", "total": 0})

    asked(halo, fhir_request("Patient", "_count=100"))
    assert int(counts[-1]) <= 30
    assert counts[0] == "100"


def test_one_site_cannot_hold_up_another() -> None:
    async def halo(request: FhirRequest) -> FhirResponse:
        if request.path == "Patient/1":
            raise asyncio.CancelledError
        return json_response({"resourceType": "Patient"})

    settings = settings_for("http://upstream").model_copy(update={"rest": Rest(concurrency=1, queue=0)})
    assert asked(halo, fhir_request("Patient/2"), settings=settings)[0].status == 200


def test_replicas_with_one_page_key_hash_callers_alike() -> None:
    keyed = Settings(pages=Pages.model_validate({"keys": ["synthetic"]}))
    assert secret(keyed, "a") == secret(keyed, "b")
    assert secret(Settings(), "a") != secret(Settings(), "b")


def test_a_failure_passes_with_what_it_is() -> None:
    async def halo(request: FhirRequest) -> FhirResponse:
        raise Failure(RESULT_TOO_LARGE)

    with pytest.raises(Failure) as failed:
        asked(halo, fhir_request("Patient/1"))
    assert failed.value.kind.status == 413
