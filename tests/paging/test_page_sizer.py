"""Page sizes against an upstream with a size limit."""

import asyncio
import re
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from search.test_merge import BASE, entry
from structlog.testing import capture_logs
from support.requests import fhir_request, json_response
from support.scripted_upstream import OK, Clock, ScriptedUpstream

from gateway.errors.failure import Failure
from gateway.exchange import START, FhirRequest, FhirResponse, Handler, Position, UpstreamUse
from gateway.paging.page_size import SINGLE_RESOURCE_TOO_LARGE
from gateway.paging.page_sizer import PageSizer
from gateway.paging.upstream_links import link_positions
from gateway.search.executor import upstream_page_request
from gateway.stores.memory import MemoryStore
from gateway.upstreams.halo_failures import OFFLINE, RESULT_TOO_LARGE

pytestmark = pytest.mark.anyio

KB = 1_000


class Upstream:
    """A server of documents with a size limit; it pages by offset or by number."""

    def __init__(
        self, sizes: list[int], limit: int, paging: str = "_page", *, shows_count: bool = True
    ) -> None:
        self.sizes = sizes
        self.limit = limit
        self.paging = paging
        self.shows_count = shows_count
        self.default_count = 20
        self.stated_limit = "too many"
        self.refusals = 0

    async def __call__(self, request: FhirRequest) -> FhirResponse:
        values = {parameter.name: parameter.value for parameter in request.upstream_search.parameters}
        count = int(values.get("_count", self.default_count))
        start = (
            (int(values.get("_page", 1)) - 1) * count
            if self.paging == "_page"
            else int(values.get("_offset", 0))
        )
        response = json_response(self._bundle(range(start, min(start + count, len(self.sizes))), count))
        if len(response.body) > self.limit:
            self.refusals += 1
            error = json_response({"errorMessage": f"beyond message size limit ({self.stated_limit})"}, 413)
            raise Failure(RESULT_TOO_LARGE, upstream_response=error)
        return response

    def _bundle(self, page: range, count: int) -> dict[str, Any]:
        next_page = f"_page={page.start // count + 2}" if self.paging == "_page" else f"_offset={page.stop}"
        size = f"&_count={count}" if self.shows_count else ""
        links = [{"relation": "next", "url": f"{BASE}/DocumentReference?patient=1{size}&{next_page}"}]
        return {
            "resourceType": "Bundle",
            "total": len(self.sizes),
            "link": links if page.stop < len(self.sizes) else [],
            "entry": [
                entry(str(number), type="DocumentReference", text="x" * self.sizes[number]) for number in page
            ],
        }


class Case:
    """A PageSizer in front of an upstream, and a client that reads all pages."""

    def __init__(self, inner: Handler, limit: int = 8_000 * KB, version: str = "26.619") -> None:
        self.clock = Clock()
        self.store = MemoryStore(clock=self.clock)
        self.version = version
        self.handler = self.sizer(inner, self.store, limit)

    def sizer(self, inner: Handler, store: MemoryStore, limit: int = 8_000 * KB) -> PageSizer:
        return PageSizer(inner, store, lambda _: limit, lambda _: self.version, self.clock, b"secret")

    async def read_pages(self, query: str = "patient=1&_count=100", key: str = "a") -> list[list[str]]:
        """The ids on each page of a search by the caller with a key."""
        headers = (("ocp-apim-subscription-key", key),)
        request, pages = fhir_request("DocumentReference", query, headers=headers), []
        position: Position | None = START
        with capture_logs():
            while position is not None:
                response = await self.handler(upstream_page_request(request, position))
                bundle = response.with_parsed_bundle().bundle
                assert bundle is not None
                assert bundle.total is not None
                pages.append([item.full_url.rpartition("/")[2] for item in bundle.entries])
                position = link_positions(request, bundle).get("next")
        return pages


@settings(max_examples=150, deadline=None)
@given(
    sizes=st.lists(st.integers(10, 30 * KB), min_size=1, max_size=120),
    limit=st.integers(40 * KB, 400 * KB),
    count=st.sampled_from((1, 7, 20, 24, 36, 100)),
    paging=st.sampled_from(("_page", "_offset")),
    shows=st.booleans(),
)
def test_every_match_is_returned_once_and_in_order(
    sizes: list[int], limit: int, count: int, paging: str, shows: bool
) -> None:
    case = Case(Upstream(sizes, limit, paging, shows_count=shows))
    for _ in range(2):
        pages = asyncio.run(case.read_pages(f"patient=1&_count={count}"))
        assert [match for page in pages for match in page] == [str(number) for number in range(len(sizes))]
        assert max(map(len, pages)) <= count


async def test_numbered_links_without_size_stay_at_the_smaller_size() -> None:
    upstream = Upstream([10] * 7 + [30 * KB] * 4, 56 * KB, shows_count=False)
    assert [len(page) for page in await Case(upstream).read_pages("patient=1&_count=7")] == [7, 1, 1, 1, 1]


async def test_second_search_causes_no_413() -> None:
    upstream = Upstream([28 * KB] * 110, 1_000 * KB)
    case = Case(upstream)
    await case.read_pages()
    assert upstream.refusals > 0
    upstream.refusals = 0
    assert max(map(len, await case.read_pages())) == 24
    assert upstream.refusals == 0


async def test_configured_limit_applies_before_a_failure() -> None:
    upstream = Upstream([28 * KB] * 110, 1_000 * KB)
    case = Case(upstream, limit=1_000 * KB)
    await case.read_pages("patient=1&_count=10")
    assert {len(page) for page in await case.read_pages()} == {24, 14}
    assert upstream.refusals == 0


async def test_search_without_count_gets_one_after_a_413() -> None:
    upstream = Upstream([60 * KB] * 40, 1_000 * KB, "_offset")
    case = Case(upstream)
    assert sum(map(len, await case.read_pages("patient=1"))) == 40
    refusals = upstream.refusals
    assert sum(map(len, await case.read_pages("patient=1"))) == 40
    assert (refusals, upstream.refusals) == (1, 1)


async def test_probe_per_interval_detects_a_higher_limit() -> None:
    upstream = Upstream([28 * KB] * 110, 1_000 * KB)
    case = Case(upstream)
    await case.read_pages()
    upstream.refusals, upstream.limit = 0, 8_000 * KB
    assert max(map(len, await case.read_pages())) == 24
    for expected in (48, 100):
        case.clock.now += 28_801
        assert max(map(len, await case.read_pages())) == expected
    assert upstream.refusals == 0


async def test_larger_response_deletes_the_stated_limit() -> None:
    upstream = Upstream([28 * KB] * 110, 2**20)
    upstream.stated_limit = "1mb"
    case = Case(upstream)
    assert max(map(len, await case.read_pages())) == 24
    upstream.limit = 8_000 * KB
    case.clock.now += 28_801
    assert max(map(len, await case.read_pages())) >= 48
    assert max(map(len, await case.read_pages())) == 100


async def test_failed_probe_is_not_repeated_within_its_interval() -> None:
    upstream = Upstream([28 * KB] * 110, 1_000 * KB)
    case = Case(upstream)
    await case.read_pages()
    case.clock.now += 28_801
    upstream.refusals = 0
    for _ in range(3):
        assert sum(map(len, await case.read_pages())) == 110
    assert upstream.refusals == 1


async def test_new_engine_version_has_its_own_estimate() -> None:
    upstream = Upstream([28 * KB] * 110, 1_000 * KB)
    case = Case(upstream)
    await case.read_pages()
    upstream.limit, case.version = 8_000 * KB, "26.700"
    assert max(map(len, await case.read_pages())) == 100


async def test_estimate_is_shared_by_replicas() -> None:
    upstream = Upstream([28 * KB] * 110, 1_000 * KB)
    first, second = Case(upstream), Case(upstream)
    second.handler = second.sizer(upstream, first.store)
    await first.read_pages()
    upstream.refusals = 0
    await second.read_pages()
    assert upstream.refusals == 0


async def test_pages_of_one_caller_teach_nothing_about_anothers() -> None:
    upstream = Upstream([28 * KB] * 110, 1_000 * KB)
    case = Case(upstream)
    await case.read_pages(key="a")
    upstream.limit = 8_000 * KB
    assert max(map(len, await case.read_pages(key="b"))) == 100
    assert max(map(len, await case.read_pages(key="a"))) == 24


async def test_limit_stated_to_one_caller_is_not_anothers() -> None:
    upstream = Upstream([28 * KB] * 110, 256 * 2**10)
    upstream.stated_limit = "256kb"
    case = Case(upstream)
    await case.read_pages(key="a")
    upstream.limit = 8_000 * KB
    await case.read_pages("patient=1&_count=10", key="b")
    assert max(map(len, await case.read_pages(key="b"))) == 100


async def test_name_of_a_search_shows_no_key() -> None:
    case = Case(Upstream([28 * KB] * 110, 1_000 * KB))
    await case.read_pages(key="demo-key")
    ((guid, name),) = case.handler.known_searches()
    site, version, caller, signature = name.split(":")
    assert (site, version, signature.partition(".")[0]) == (guid, "26.619", "DocumentReference")
    assert re.fullmatch("[0-9a-f]{24}", caller)


async def test_heavy_resource_read_alone_makes_no_smaller_pages() -> None:
    upstream = Upstream([1_900 * KB] + [1 * KB] * 99, 8_000 * KB)
    case = Case(upstream)
    await case.read_pages("patient=1&_count=1")
    assert [len(page) for page in await case.read_pages()] == [100]


@pytest.mark.parametrize("query", ["patient=1&_count=100", "patient=1&_count=1", "patient=1"])
async def test_single_match_over_the_limit_is_too_costly(query: str) -> None:
    case = Case(Upstream([200 * KB], 100 * KB))
    with pytest.raises(Failure) as raised:
        await case.read_pages(query)
    assert (raised.value.kind.status, raised.value.issue, raised.value.text) == (
        413,
        "too-costly",
        SINGLE_RESOURCE_TOO_LARGE,
    )


@pytest.mark.parametrize("count", [1, 2, 7])
async def test_page_behind_opaque_link_is_at_most_the_clients(count: int) -> None:
    inner = ScriptedUpstream(Failure(RESULT_TOO_LARGE), OK)
    case = Case(inner)
    request = fhir_request("DocumentReference", f"patient=1&_count={count}")
    position = Position(upstream_link="DocumentReference?_page_token=x")
    with capture_logs(), suppress(Failure):
        await case.handler(upstream_page_request(request, position))
    counts = [int(repeated.upstream_search.values("_count")[0]) for repeated in inner.requests[1:]]
    assert counts == [count // 2] * (count > 1)


async def test_numbered_page_of_unknown_size_is_not_divided() -> None:
    with pytest.raises(Failure) as raised:
        await Case(Upstream([10] * 20 + [30 * KB] * 20, 100 * KB, shows_count=False)).read_pages("patient=1")
    assert "_count" in raised.value.text
    assert raised.value.text != SINGLE_RESOURCE_TOO_LARGE


async def test_search_repeated_after_a_413_is_complete() -> None:
    case = Case(Upstream([10] * 20 + [30 * KB] * 20, 100 * KB, shows_count=False))
    with pytest.raises(Failure):
        await case.read_pages("patient=1")
    pages = await case.read_pages("patient=1")
    assert [match for page in pages for match in page] == [str(number) for number in range(40)]


async def test_other_failures_and_operations_are_unchanged() -> None:
    for path, failure in (("Patient", Failure(OFFLINE)), ("Patient/$summary", Failure(RESULT_TOO_LARGE))):
        inner = ScriptedUpstream(failure)
        with pytest.raises(Failure) as raised:
            await Case(inner).handler(fhir_request(path, "_count=10"))
        assert raised.value is failure
        assert len(inner.requests) == 1


async def test_small_response_is_unchanged_and_stores_no_estimate() -> None:
    inner = ScriptedUpstream(OK)
    case = Case(inner)
    request = fhir_request("Patient", "_count=10")
    assert await case.handler(request) is OK
    assert inner.requests == [request]
    assert case.store.used_bytes == 0


async def test_page_of_client_size_has_its_bytes_unchanged() -> None:
    upstream = Upstream([28 * KB] * 20, 8_000 * KB)
    request = fhir_request("DocumentReference", "patient=1&_count=10")
    response = await Case(upstream).handler(request)
    assert response.bundle is None


def too_large(seconds: float) -> Failure:
    return Failure(RESULT_TOO_LARGE).with_upstream_use(UpstreamUse(1, seconds))


async def run_logged(inner: ScriptedUpstream, count: int = 10) -> FhirResponse:
    with capture_logs():
        query = f"patient=1&_count={count}"
        return await Case(inner).handler(fhir_request("DocumentReference", query, deadline=100.0))


async def test_deadline_of_smaller_page_excludes_seconds_of_refused_pages() -> None:
    inner = ScriptedUpstream(too_large(2.0), too_large(3.0), OK.with_upstream_use(UpstreamUse(1, 0.5)))
    response = await run_logged(inner)
    assert [request.deadline for request in inner.requests] == [100.0, 102.0, 105.0]
    assert response.upstream_use == UpstreamUse(3, 5.5)


@pytest.mark.parametrize("last", [Failure(OFFLINE), Failure(RESULT_TOO_LARGE)], ids=["other", "too large"])
async def test_failure_after_a_413_names_both_requests(last: Failure) -> None:
    inner = ScriptedUpstream(too_large(2.0), last.with_upstream_use(UpstreamUse(1, 0.5)))
    with pytest.raises(Failure) as raised:
        await run_logged(inner, count=2)
    assert (raised.value.kind, raised.value.upstream_use) == (last.kind, UpstreamUse(2, 2.5))
