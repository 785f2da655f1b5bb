import asyncio
from time import sleep

import pytest
from support.requests import SITE, fhir_request

from gateway.exchange import FhirRequest, FhirResponse
from gateway.fhir.search_params import parse_search
from gateway.repairs.apply import MAX_LOOP_BYTES
from gateway.repairs.handlers import RequestRepairs
from gateway.repairs.repair import KnownIssue, Repair

pytestmark = pytest.mark.anyio


def rename_parameter(request: FhirRequest) -> FhirRequest:
    if request.upstream_search.query != "a=1":
        return request
    return request.replace(upstream_search=parse_search("b=2"))


REPAIR = Repair(KnownIssue("rename", "", ""), request=rename_parameter)


async def send(query: str, **changes: object) -> tuple[str, tuple[str, ...]]:
    """The query sent upstream and the applied repairs of the response."""
    queries: list[str] = []

    async def inner(request: FhirRequest) -> FhirResponse:
        queries.append(request.upstream_search.query)
        return FhirResponse(200, applied_repairs=("later",))

    response = await RequestRepairs(inner, (REPAIR,))(fhir_request("Patient", query, **changes))
    return queries[0], response.applied_repairs


async def test_repaired_request_is_sent_and_repair_listed_first() -> None:
    assert await send("a=1") == ("b=2", ("rename", "later"))


async def test_unchanged_request_lists_no_repair() -> None:
    assert await send("c=3") == ("c=3", ("later",))


async def test_disabled_repair_changes_nothing() -> None:
    site = type(SITE)(SITE.guid, SITE.zone, disabled_repairs=frozenset({"rename"}))
    assert await send("a=1", site=site) == ("a=1", ("later",))


async def test_repair_of_request_and_response_is_listed_once() -> None:
    async def inner(_: FhirRequest) -> FhirResponse:
        return FhirResponse(201, applied_repairs=("rename", "later"))

    response = await RequestRepairs(inner, (REPAIR,))(fhir_request("Patient", "a=1"))
    assert response.applied_repairs == ("rename", "later")


async def test_repair_that_changes_the_path_alone_is_listed() -> None:
    async def inner(request: FhirRequest) -> FhirResponse:
        return FhirResponse(200) if request.path == "Patient/1" else FhirResponse(500)

    moved = Repair(KnownIssue("move", "", ""), request=lambda request: request.replace(path="Patient/1"))
    response = await RequestRepairs(inner, (moved,))(fhir_request("Patient", ""))
    assert (response.status, response.applied_repairs) == (200, ("move",))


async def test_event_loop_runs_while_a_large_body_is_repaired() -> None:
    def wait(request: FhirRequest) -> FhirRequest:
        sleep(0.02)
        return request

    async def inner(request: FhirRequest) -> FhirResponse:
        return FhirResponse(200)

    async def turns(size: int) -> int:
        request = fhir_request("Patient", method="POST", body=b"x" * size)
        handler = RequestRepairs(inner, (Repair(KnownIssue("slow", "", ""), request=wait),))
        task, count = asyncio.ensure_future(handler(request)), 0
        while not task.done():
            count += 1
            await asyncio.sleep(0)
        return count

    assert await turns(10) < 10
    assert await turns(MAX_LOOP_BYTES + 1) > 20
