import asyncio
from collections.abc import Callable
from time import monotonic

import pytest
from conftest import settings_for
from structlog.testing import capture_logs
from support.requests import fhir_request, json_response

from gateway.builders import RequestPolicies, caller_secret
from gateway.chain import with_resilience
from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest, FhirResponse, Handler, WaitClock
from gateway.settings import Bulkhead, Paging, Retry, Settings
from gateway.stores.memory import MemoryStore
from gateway.upstreams.halo_failures import RESULT_TOO_LARGE, UNREACHABLE


def resilient(settings: Settings, client: Handler, version_of: Callable[[str], str]) -> Handler:
    policies = RequestPolicies(settings, b"secret", version_of)
    return with_resilience(MemoryStore(), settings.upstream, lambda _: client, policies)[0]


def asked(answer: Handler, *requests: FhirRequest, settings: Settings | None = None) -> list[FhirResponse]:
    found = settings or settings_for("http://upstream")

    async def run() -> list[FhirResponse]:
        around = resilient(found, answer, lambda _: "26.619")
        return [await around(request) for request in requests]

    with capture_logs():
        return asyncio.run(run())


def test_a_page_that_is_too_large_is_asked_for_again_smaller() -> None:
    counts: list[str] = []

    async def halo(request: FhirRequest) -> FhirResponse:
        counts.append(request.upstream_search.values("_count")[0])
        if int(counts[-1]) > 30:
            raise Failure(RESULT_TOO_LARGE)
        return json_response({"resourceType": "Bundle", "type": "searchset", "total": 0})

    asked(halo, fhir_request("Patient", "_count=100"))
    assert int(counts[-1]) <= 30
    assert counts[0] == "100"


def test_what_fits_is_forgotten_with_a_new_engine() -> None:
    counts: list[str] = []
    running = {"version": "26.619"}

    async def halo(request: FhirRequest) -> FhirResponse:
        counts.append(request.upstream_search.values("_count")[0])
        if running["version"] == "26.619" and int(counts[-1]) > 30:
            raise Failure(RESULT_TOO_LARGE)
        return json_response({"resourceType": "Bundle", "type": "searchset", "total": 0})

    async def run() -> None:
        found = settings_for("http://upstream")
        engine: Callable[[str], str] = lambda _: running["version"]  # noqa: E731 - one lambda
        chain = resilient(found, halo, engine)
        for version in ("26.619", "26.619", "26.700"):
            running["version"] = version
            counts.append("|")
            await chain(fhir_request("Patient", "_count=100"))

    with capture_logs():
        asyncio.run(run())
    first, second, third = " ".join(counts).split("|")[1:]
    assert first.split()[0] == third.split()[0] == "100"
    assert len(second.split()) == len(third.split()) == 1
    assert int(second) <= 30


def test_one_site_cannot_hold_up_another() -> None:
    async def halo(request: FhirRequest) -> FhirResponse:
        if request.path == "Patient/1":
            raise asyncio.CancelledError
        return json_response({"resourceType": "Patient"})

    settings = settings_for("http://upstream").model_copy(
        update={"bulkhead": Bulkhead(max_concurrent=1, max_queue=0)}
    )
    assert asked(halo, fhir_request("Patient/2"), settings=settings)[0].status == 200


def test_all_waits_of_a_request_share_one_patience() -> None:
    """Who waited 0.7 of a second for a slot does not wait 0.6 more for a retry when it has only one."""
    asked_for: list[str] = []

    async def halo(request: FhirRequest) -> FhirResponse:
        asked_for.append(request.path)
        if request.path == "Patient/1":
            await asyncio.sleep(0.7)
            return json_response({"resourceType": "Patient"})
        raise Failure(UNREACHABLE, retry_after=0.6)  # type: ignore[arg-type] # shorter than Halo would say

    found = settings_for("http://upstream").model_copy(
        update={"bulkhead": Bulkhead(max_concurrent=1), "retry": Retry(max_wait_seconds=1)}
    )

    async def run() -> None:
        chain = resilient(found, halo, lambda _: "26.619")
        first = asyncio.create_task(chain(fhir_request("Patient/1", wait_clock=WaitClock(monotonic()))))
        await asyncio.sleep(0)
        with pytest.raises(Failure):
            await chain(fhir_request("Patient/2", wait_clock=WaitClock(monotonic())))
        await first

    with capture_logs():
        asyncio.run(run())
    assert asked_for == ["Patient/1", "Patient/2"]


def test_one_programs_burst_does_not_hold_up_another_program_with_the_same_key() -> None:
    order: list[str] = []

    async def halo(request: FhirRequest) -> FhirResponse:
        order.append(request.header("user-agent"))
        return json_response({"resourceType": "Patient"})

    def from_(program: str) -> FhirRequest:
        return fhir_request("Patient/1", headers=(("authorization", "k"), ("user-agent", program)))

    found = settings_for("http://upstream")
    found = found.model_copy(
        update={
            "upstream": found.upstream.model_copy(update={"requests_per_second": 40.0}),
            "retry": Retry(max_wait_seconds=60),
        }
    )

    async def run() -> None:
        chain = resilient(found, halo, lambda _: "")
        await asyncio.gather(*(chain(from_(each)) for each in ["sync"] * 40 + ["clinic"] * 3))

    with capture_logs():
        asyncio.run(run())
    assert (len(order), max(place for place, each in enumerate(order) if each == "clinic") < 20) == (43, True)


def test_replicas_with_one_page_key_hash_callers_alike() -> None:
    keyed = Settings(paging=Paging.model_validate({"keys": ["synthetic"]}))
    assert caller_secret(keyed, "a") == caller_secret(keyed, "b")
    assert caller_secret(Settings(), "a") != caller_secret(Settings(), "b")


def test_a_failure_passes_with_what_it_is() -> None:
    async def halo(request: FhirRequest) -> FhirResponse:
        raise Failure(RESULT_TOO_LARGE)

    with pytest.raises(Failure) as failed:
        asked(halo, fhir_request("Patient/1"))
    assert failed.value.kind.status == 413
