"""Dry run of a search: what stands in for the cache and the sender."""

import pytest
from support.requests import fhir_request

from gateway.cache.forecast import BYPASS
from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest, FhirResponse, Handler
from gateway.repairs.inactive_records import INACTIVE_RECORDS
from gateway.search.dry_run import NO_OUTLOOK, CacheFactory, DryRun

pytestmark = pytest.mark.anyio
REQUEST = fhir_request("Patient", "name=x")


def planning(times: int = 1, before: Failure | None = None, after: Failure | None = None) -> object:
    """Handlers that send a request some times, or fail before or after that."""

    def build(with_cache: CacheFactory, sender: Handler) -> Handler:
        async def send(request: FhirRequest) -> FhirResponse:
            for _ in range(times):
                response = await sender(request)
            if after:
                raise after
            return response

        async def check(request: FhirRequest) -> FhirResponse:
            if before:
                raise before
            return await with_cache(send)(request)

        return check

    return build


async def run(handlers: object, request: FhirRequest = REQUEST) -> DryRun:
    dry_run = DryRun(NO_OUTLOOK)
    await dry_run.run(handlers, request)  # type: ignore[arg-type]
    return dry_run


async def test_requests_are_recorded_in_order() -> None:
    result = await run(planning(times=2))
    assert (result.searches, result.planned, result.cache) == ([REQUEST, REQUEST], REQUEST, BYPASS)
    assert (result.failure, result.obstacle, result.reads_statement) == (None, None, False)


async def test_refusal_before_the_cache_leaves_no_plan() -> None:
    failure = Failure(INACTIVE_RECORDS)
    result = await run(planning(before=failure))
    assert (result.failure, result.planned, result.searches) == (failure, None, [])


async def test_refusal_after_requests_keeps_them() -> None:
    failure = Failure(INACTIVE_RECORDS)
    result = await run(planning(after=failure))
    assert (result.failure, result.searches) == (failure, [REQUEST])


async def test_statement_is_not_a_search() -> None:
    result = await run(planning(), fhir_request("metadata"))
    assert (result.reads_statement, result.searches) == (True, [])


@pytest.mark.parametrize(("path", "kind"), [("Patient", b'"searchset"'), ("Patient/_history", b'"history"')])
async def test_response_is_an_empty_bundle_of_the_interaction(path: str, kind: bytes) -> None:
    bodies: list[bytes] = []

    def build(_: CacheFactory, sender: Handler) -> Handler:
        async def send(request: FhirRequest) -> FhirResponse:
            bodies.append((response := await sender(request)).body)
            return response

        return send

    await run(build, fhir_request(path))
    assert kind in bodies[0]
