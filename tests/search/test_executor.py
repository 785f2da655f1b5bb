"""Execution of searches in several upstream requests."""

import asyncio
from collections.abc import Callable
from itertools import count

import msgspec
import pytest
from search.test_merge import BASE, FILTERED_REQUEST, SPLIT_REQUEST, entry, page
from support.requests import fhir_request
from support.scripted_upstream import ScriptedUpstream

from gateway.errors.catalog import UPSTREAM_TIMEOUT
from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest, FhirResponse, Position, UpstreamUse
from gateway.fhir.bundle import Bundle
from gateway.repairs.search_date_format import rewrite_dates
from gateway.search.executor import SearchExecutor

pytestmark = pytest.mark.anyio

Respond = Callable[[FhirRequest], FhirResponse]


class RecordingUpstream:
    """Responds by a function and records the queries."""

    def __init__(self, respond: Respond) -> None:
        self.queries: list[str] = []
        self._respond = respond

    async def __call__(self, request: FhirRequest) -> FhirResponse:
        self.queries.append(request.upstream_search.query)
        return self._respond(request)


async def execute(
    request: FhirRequest, respond: Respond, max_queries: int = 5
) -> tuple[FhirResponse, list[str]]:
    upstream = RecordingUpstream(respond)
    return await SearchExecutor(upstream, max_queries)(request), upstream.queries


def endless_pages() -> Respond:
    """Empty pages, each with a link to another."""
    numbers = count()
    return lambda _: page([], f"/Encounter?token={next(numbers)}")


async def test_provably_empty_search_sends_no_query() -> None:
    response, queries = await execute(
        rewrite_dates(fhir_request("Patient", "birthdate=gt2020&birthdate=lt2019")), lambda _: page([])
    )
    assert (msgspec.json.decode(response.body)["total"], queries) == (0, [])


async def test_empty_part_is_skipped_and_match_ends_the_page() -> None:
    pages = {
        "date=lt2026-04-05T00:00:00&status=booked": [],
        "date=ge2026-04-06T00:00:00&status=booked": [entry("1")],
    }
    response, queries = await execute(
        SPLIT_REQUEST, lambda request: page(pages[request.upstream_search.query])
    )
    assert queries == list(pages)
    assert response.bundle is not None
    assert len(response.bundle.entries) == 1


async def test_empty_pages_are_skipped_up_to_max_queries() -> None:
    response, queries = await execute(FILTERED_REQUEST, endless_pages(), max_queries=3)
    assert len(queries) == 3
    assert response.paging is not None
    assert "next" in response.paging.page_positions


async def test_count_is_the_sum_of_all_parts() -> None:
    request = rewrite_dates(fhir_request("Appointment", "date=ne2026-04-05&_summary=count"))
    response, queries = await execute(request, lambda _: page([], total=3))
    assert (msgspec.json.decode(response.with_encoded_body().body), len(queries)) == (
        {"resourceType": "Bundle", "type": "searchset", "total": 6},
        2,
    )


async def test_count_beyond_max_queries_is_rejected_after_one() -> None:
    request = rewrite_dates(fhir_request("Encounter", "date=2026-04-05&_summary=count&status=finished"))
    upstream = ScriptedUpstream(page([], "/Encounter?token=2"))
    with pytest.raises(Failure) as raised:
        await SearchExecutor(upstream, 5)(request)
    assert (raised.value.kind.issue, len(upstream.requests)) == ("too-costly", 1)


async def test_read_is_passed_on() -> None:
    response, queries = await execute(fhir_request("Patient/1"), lambda _: FhirResponse(200, body=b"{}"))
    assert (response.body, queries) == (b"{}", [""])
    assert BASE.endswith("R4")


def pages_of(*seconds: float) -> list[FhirResponse]:
    """Pages without a match, each from one upstream request of these seconds."""
    uses = [UpstreamUse(1, value) for value in seconds]
    return [
        page([], f"/Encounter?token={number}", total=0).with_upstream_use(use)
        for number, use in enumerate(uses)
    ]


async def test_deadline_of_a_page_excludes_upstream_seconds_before_it() -> None:
    upstream = ScriptedUpstream(*pages_of(2.0, 3.0, 0.5))
    response = await SearchExecutor(upstream, 3)(FILTERED_REQUEST.replace(deadline=100.0))
    assert [request.deadline for request in upstream.requests] == [100.0, 102.0, 105.0]
    assert response.upstream_use == UpstreamUse(3, 5.5)


async def test_failed_second_page_names_both_requests() -> None:
    failure = Failure(UPSTREAM_TIMEOUT).with_upstream_use(UpstreamUse(1, 0.5))
    with pytest.raises(Failure) as raised:
        await SearchExecutor(ScriptedUpstream(*pages_of(2.0), failure), 3)(FILTERED_REQUEST)
    assert raised.value.upstream_use == UpstreamUse(2, 2.5)


async def test_page_that_cannot_be_filtered_names_its_own_request() -> None:
    request = rewrite_dates(fhir_request("Appointment", "date=2026-04-05&_elements=id"))
    unfiltered = page([entry("1")], self_url="https://h/Appointment?_elements=id").with_upstream_use(
        UpstreamUse(1, 0.5)
    )
    with pytest.raises(Failure) as raised:
        await SearchExecutor(ScriptedUpstream(unfiltered), 3)(request)
    assert (raised.value.kind.code, raised.value.upstream_use) == (
        "upstream-ignored-filter",
        UpstreamUse(1, 0.5),
    )


async def test_count_names_the_requests_of_all_parts() -> None:
    request = rewrite_dates(fhir_request("Appointment", "date=ne2026-04-05&_summary=count"))
    parts = [page([], total=3).with_upstream_use(UpstreamUse(1, seconds)) for seconds in (2.0, 0.5)]
    response = await SearchExecutor(ScriptedUpstream(*parts), 5)(request)
    assert response.upstream_use == UpstreamUse(2, 2.5)


async def test_count_that_is_too_costly_names_its_requests() -> None:
    request = rewrite_dates(fhir_request("Encounter", "date=2026-04-05&_summary=count"))
    with pytest.raises(Failure) as raised:
        await SearchExecutor(ScriptedUpstream(*pages_of(2.0, 0.5)), 2)(request)
    assert raised.value.upstream_use == UpstreamUse(1, 2.0)


@pytest.mark.parametrize("link", ["/Patient?a=\x01", "/../x", "//[", "/é", "/Patient?a=" + "x" * 60_000])
async def test_link_that_cannot_be_sent_is_the_upstreams_error(link: str) -> None:
    request = fhir_request("Patient", "name=x").with_plan(position=Position(upstream_link=link))
    with pytest.raises(Failure, match="upstream-link"):
        await execute(request, lambda _: page([]))


@pytest.mark.parametrize(("entries", "turns"), [(100, 0), (2_000, 4)])
async def test_other_requests_run_between_looks_at_many_entries(entries: int, turns: int) -> None:
    response = page([entry(str(number)) for number in range(entries)]).with_parsed_bundle()
    task, seen = asyncio.ensure_future(execute(fhir_request("Appointment"), lambda _: response)), -1
    while not task.done():
        seen += 1
        await asyncio.sleep(0)
    assert seen >= turns
    assert (seen == 0) == (turns == 0)
    assert len((task.result()[0].bundle or Bundle({}, (), ())).entries) == entries
