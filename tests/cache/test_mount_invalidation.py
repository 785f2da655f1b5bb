"""Invalidation by requests to a mounted upstream."""

from contextlib import suppress
from typing import Any

import pytest
from support.requests import LABS, fhir_request
from support.scripted_upstream import ScriptedUpstream, Step

from gateway.cache.invalidation import InvalidationCounters
from gateway.cache.mount_invalidation import MountInvalidation, mounts_at_origin
from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest, FhirResponse
from gateway.fhir.interaction import NOT_FHIR, Interaction
from gateway.stores.memory import MemoryStore
from gateway.upstreams.failures import CREDENTIALS_INVALID, SERVER_ERROR

pytestmark = pytest.mark.anyio


def beside(path: str, method: str = "GET") -> FhirRequest:
    interaction = Interaction("operation", operation="RequestResult") if "RequestResult" in path else NOT_FHIR
    return fhir_request(site=LABS).replace(interaction=interaction, path=path, method=method)


def write(path: str = "Observation/1", method: str = "PUT") -> FhirRequest:
    return fhir_request(path, method=method, site=LABS)


async def ended(request: FhirRequest, step: Step, *, is_proved: bool = True) -> set[str]:
    """Which of `first Observation`, `second Observation` and `second Patient` end by a request."""
    counters = InvalidationCounters(MemoryStore())
    kept = [("first", "Observation"), ("second", "Observation"), ("second", "Patient")]
    before = {(mount, type_): (await counters.snapshot(mount, {type_})).counters for mount, type_ in kept}
    handler = MountInvalidation(ScriptedUpstream(step), counters, ("first", "second"), lambda _: is_proved)
    with suppress(Failure):
        await handler(request)
    return {
        f"{mount} {type_}"
        for (mount, type_), values in before.items()
        if not await counters.is_current(mount, values)
    }


OBSERVATIONS = {"first Observation", "second Observation"}
ALL = {*OBSERVATIONS, "second Patient"}


@pytest.mark.parametrize(
    ("request_", "status", "types"),
    [
        (write(), 200, OBSERVATIONS),
        (write("Observation", "POST"), 202, ALL),
        (write("Patient/1/$p360-retrieve", "POST"), 202, ALL),
        (fhir_request("Observation/1", site=LABS), 200, set()),
        (fhir_request("Patient/1/$everything", site=LABS), 202, set()),
        (beside("RequestResult/1"), 202, set()),
        (beside("RequestResult/1"), 200, ALL),
        (beside("~/fhir/RequestResult/1"), 303, ALL),
        (beside("~/jobs/1"), 200, ALL),
        (beside("~/fhir/r4/Observation/1", "PUT"), 200, ALL),
        (beside("~/fhir/RequestResult/1", "DELETE"), 204, ALL),
        (beside("~/oauth/token", "POST"), 200, set()),
    ],
)
async def test_writes_and_ended_jobs_concern_all_mounts(
    request_: FhirRequest, status: int, types: set[str]
) -> None:
    assert await ended(request_, FhirResponse(status)) == types


@pytest.mark.parametrize(
    ("request_", "step", "types"),
    [
        (write(), Failure(CREDENTIALS_INVALID), set()),
        (write(), Failure(SERVER_ERROR), OBSERVATIONS),
        (beside("~/.well-known/smart-configuration"), FhirResponse(200), set()),
        (beside("~/fhir/RequestResult/1"), FhirResponse(200), ALL),
        (beside("~/fhir/RequestResult/1"), Failure(CREDENTIALS_INVALID), set()),
    ],
)
async def test_refused_stranger_ends_nothing(request_: FhirRequest, step: Any, types: set[str]) -> None:
    assert await ended(request_, step, is_proved=False) == types


async def test_job_that_failed_may_have_written() -> None:
    assert await ended(beside("~/jobs/1"), Failure(SERVER_ERROR)) == ALL
    assert await ended(beside("~/jobs/1"), Failure(CREDENTIALS_INVALID)) == set()


def test_mounts_of_one_host_share_their_data() -> None:
    urls = {
        "a": "https://hg.example/fhir/R4",
        "b": "https://HG.example:443/fhir/STU3",
        "c": "https://x.example",
    }
    assert mounts_at_origin(urls, "https://hg.example/fhir") == ("a", "b")
