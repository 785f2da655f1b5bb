"""Resilience handlers around an upstream, which FHIR and SQL share."""

import asyncio
from collections.abc import Callable
from time import monotonic

import pytest
from conftest import settings_for
from support.ledger import RecordingSink, ledger_names
from support.requests import NOW, fhir_request, json_response
from support.secrets import SECRET

from gateway.builders import RequestPolicies, caller_secret
from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest, FhirResponse, Handler
from gateway.http.proved_callers import ProvedCallers
from gateway.ledger.daily_usage import DailyUsage
from gateway.ledger.recorder import Recorder
from gateway.resilience_handlers import with_resilience
from gateway.settings import Bulkhead, Paging, Retry, Settings
from gateway.sites.issue_states import IssueStates
from gateway.stores.memory import MemoryStore
from gateway.upstreams.halo_failures import RESULT_TOO_LARGE, UNREACHABLE

pytestmark = pytest.mark.anyio

SETTINGS = settings_for("http://upstream")


def resilient_handler(
    client: Handler, settings: Settings = SETTINGS, version_of: Callable[[str], str] = lambda _: "26.619"
) -> Handler:
    policies = RequestPolicies(settings, b"secret", version_of, ProvedCallers(lambda: 0.0))
    store = MemoryStore()
    states = IssueStates(store, monotonic, unknown_version)
    sink = RecordingSink()
    recorder = Recorder(sink, DailyUsage(lambda _: None), sink, ledger_names(), now=lambda: NOW)
    return with_resilience(store, settings.upstream, lambda _: client, policies, states, recorder).fhir


async def unknown_version(_: str) -> str:
    return ""


async def test_too_large_page_is_requested_again_with_fewer_resources() -> None:
    counts: list[str] = []

    async def halo(request: FhirRequest) -> FhirResponse:
        counts.append(request.upstream_search.values("_count")[0])
        if int(counts[-1]) > 30:
            raise Failure(RESULT_TOO_LARGE)
        return json_response({"resourceType": "Bundle", "type": "searchset", "total": 0})

    await resilient_handler(halo)(fhir_request("Patient", "_count=100"))
    assert int(counts[-1]) <= 30
    assert counts[0] == "100"


async def test_new_engine_version_resets_the_page_size() -> None:
    counts: list[str] = []
    engine = {"version": "26.619"}

    async def halo(request: FhirRequest) -> FhirResponse:
        counts.append(request.upstream_search.values("_count")[0])
        if engine["version"] == "26.619" and int(counts[-1]) > 30:
            raise Failure(RESULT_TOO_LARGE)
        return json_response({"resourceType": "Bundle", "type": "searchset", "total": 0})

    handler = resilient_handler(halo, version_of=lambda _: engine["version"])
    for version in ("26.619", "26.619", "26.700"):
        engine["version"] = version
        counts.append("|")
        await handler(fhir_request("Patient", "_count=100"))
    first, second, third = " ".join(counts).split("|")[1:]
    assert first.split()[0] == third.split()[0] == "100"
    assert len(second.split()) == len(third.split()) == 1
    assert int(second) <= 30


async def test_bulkhead_without_queue_permits_a_request() -> None:
    async def halo(request: FhirRequest) -> FhirResponse:
        return json_response({"resourceType": "Patient"})

    settings = SETTINGS.model_copy(update={"bulkhead": Bulkhead(max_concurrent=1, max_queue=0)})
    assert (await resilient_handler(halo, settings)(fhir_request("Patient/2"))).status == 200


async def test_all_waits_of_a_request_share_one_deadline() -> None:
    """After 2.8 seconds in the queue, a deadline of 4 seconds leaves no time for a retry in 2.4 seconds."""
    paths: list[str] = []

    async def halo(request: FhirRequest) -> FhirResponse:
        paths.append(request.path)
        if request.path == "Patient/1":
            await asyncio.sleep(2.8)
            return json_response({"resourceType": "Patient"})
        raise Failure(UNREACHABLE, retry_after=2.4)  # type: ignore[arg-type] # shorter than Halo would say

    settings = SETTINGS.model_copy(
        update={"bulkhead": Bulkhead(max_concurrent=1), "retry": Retry(max_wait_seconds=4)}
    )
    handler = resilient_handler(halo, settings)
    first = asyncio.create_task(call(handler, fhir_request("Patient/1", deadline=monotonic() + 4)))
    await asyncio.sleep(0)
    with pytest.raises(Failure):
        await handler(fhir_request("Patient/2", deadline=monotonic() + 4))
    await first
    assert paths == ["Patient/1", "Patient/2"]


async def call(handler: Handler, request: FhirRequest) -> FhirResponse:
    return await handler(request)


async def test_burst_of_one_program_does_not_delay_another_program() -> None:
    order: list[str] = []

    async def halo(request: FhirRequest) -> FhirResponse:
        order.append(request.header("user-agent"))
        return json_response({"resourceType": "Patient"})

    def request_of(program: str) -> FhirRequest:
        return fhir_request("Patient/1", headers=(("authorization", "k"), ("user-agent", program)))

    upstream = SETTINGS.upstream.model_copy(update={"requests_per_second": 40.0})
    settings = SETTINGS.model_copy(update={"upstream": upstream, "retry": Retry(max_wait_seconds=60)})
    handler = resilient_handler(halo, settings, lambda _: "")
    await asyncio.gather(*(handler(request_of(program)) for program in ["sync"] * 40 + ["clinic"] * 3))
    assert len(order) == 43
    assert max(place for place, program in enumerate(order) if program == "clinic") < 20


def test_replicas_with_the_same_page_key_hash_callers_alike() -> None:
    keyed = Settings(paging=Paging.model_validate({"keys": [SECRET]}))
    assert caller_secret(keyed, "a") == caller_secret(keyed, "b")
    assert caller_secret(Settings(), "a") != caller_secret(Settings(), "b")


async def test_failure_passes_unchanged() -> None:
    async def halo(request: FhirRequest) -> FhirResponse:
        raise Failure(RESULT_TOO_LARGE)

    with pytest.raises(Failure) as raised:
        await resilient_handler(halo)(fhir_request("Patient/1"))
    assert raised.value.kind.status == 413
