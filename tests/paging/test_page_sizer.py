import asyncio
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from search.test_merge import BASE, entry
from structlog.testing import capture_logs
from support.requests import fhir_request, json_response
from support.scripted_upstream import OK, Clock, Scripted

from gateway.errors.failure import Failure
from gateway.exchange import START, FhirRequest, FhirResponse, Handler, Position
from gateway.paging.page_size import SINGLE_RESOURCE_TOO_LARGE
from gateway.paging.page_sizer import PageSizer
from gateway.paging.upstream_links import link_positions
from gateway.search.executor import upstream_page_request
from gateway.stores.memory import MemoryStore
from gateway.upstreams.halo_failures import OFFLINE, RESULT_TOO_LARGE

KB = 1_000


class Upstream:
    """A server of documents under a size limit; it pages by offset or by number."""

    def __init__(
        self, sizes: list[int], limit: int, paging: str = "_page", *, shows_count: bool = True
    ) -> None:
        self.sizes = sizes
        self.limit = limit
        self.paging = paging
        self.shows_count = shows_count
        self.default = 20
        self.named = "too many"
        self.refused = self.asked = 0

    async def __call__(self, request: FhirRequest) -> FhirResponse:
        self.asked += 1
        given = {each.name: each.value for each in request.upstream_search.parameters}
        count = int(given.get("_count", self.default))
        start = (
            (int(given.get("_page", 1)) - 1) * count
            if self.paging == "_page"
            else int(given.get("_offset", 0))
        )
        shown = range(start, min(start + count, len(self.sizes)))
        answer = json_response(self._bundle(shown, count))
        if len(answer.body) > self.limit:
            self.refused += 1
            said = json_response({"errorMessage": f"beyond message size limit ({self.named})"}, 413)
            raise Failure(RESULT_TOO_LARGE, upstream_response=said)
        return answer

    def _bundle(self, shown: range, count: int) -> dict[str, Any]:
        entries = [entry(str(each), type="DocumentReference", text="x" * self.sizes[each]) for each in shown]
        where = f"_page={shown.start // count + 2}" if self.paging == "_page" else f"_offset={shown.stop}"
        size = f"&_count={count}" if self.shows_count else ""
        links = [{"relation": "next", "url": f"{BASE}/DocumentReference?patient=1{size}&{where}"}]
        return {
            "resourceType": "Bundle",
            "total": len(self.sizes),
            "link": links if shown.stop < len(self.sizes) else [],
            "entry": entries,
        }


class Case:
    """A Resized before an upstream, with what one walk through all pages found."""

    def __init__(self, inner: Handler, limit: int = 8_000 * KB, version: str = "26.619") -> None:
        self.clock = Clock()
        self.store = MemoryStore(clock=self.clock)
        self.version = version
        self.handler = PageSizer(inner, self.store, lambda _: limit, lambda _: self.version, self.clock)

    def walk(self, query: str = "patient=1&_count=100") -> list[list[str]]:
        with capture_logs():
            return asyncio.run(self._walk(fhir_request("DocumentReference", query)))

    async def _walk(self, request: FhirRequest) -> list[list[str]]:
        pages, position = [], START
        while True:
            answer = (await self.handler(upstream_page_request(request, position))).with_parsed_bundle()
            assert answer.bundle is not None
            assert answer.bundle.total is not None
            pages.append([each.full_url.rpartition("/")[2] for each in answer.bundle.entries])
            found = link_positions(request, answer.bundle).get("next")
            if found is None:
                return pages
            position = found


@settings(max_examples=150, deadline=None)
@given(
    sizes=st.lists(st.integers(10, 30 * KB), min_size=1, max_size=120),
    limit=st.integers(40 * KB, 400 * KB),
    count=st.sampled_from((1, 7, 20, 24, 36, 100)),
    paging=st.sampled_from(("_page", "_offset")),
    shows=st.booleans(),
)
def test_whatever_the_sizes_every_match_comes_once_and_in_order(
    sizes: list[int], limit: int, count: int, paging: str, shows: bool
) -> None:
    case = Case(Upstream(sizes, limit, paging, shows_count=shows))
    for _ in range(2):
        pages = case.walk(f"patient=1&_count={count}")
        assert [each for page in pages for each in page] == [str(each) for each in range(len(sizes))]
        assert max(map(len, pages)) <= count


def test_a_smaller_page_stays_small_where_links_show_a_number_and_no_size() -> None:
    upstream = Upstream([10] * 7 + [30 * KB] * 4, 56 * KB, shows_count=False)
    assert [len(page) for page in Case(upstream).walk("patient=1&_count=7")] == [7, 1, 1, 1, 1]


def test_the_second_walk_costs_no_413() -> None:
    upstream = Upstream([28 * KB] * 110, 1_000 * KB)
    case = Case(upstream)
    case.walk()
    assert upstream.refused > 0
    upstream.refused = 0
    assert max(map(len, case.walk())) == 24
    assert upstream.refused == 0


def test_a_configured_limit_is_kept_to_before_anything_fails() -> None:
    upstream = Upstream([28 * KB] * 110, 1_000 * KB)
    case = Case(upstream, limit=1_000 * KB)
    case.walk("patient=1&_count=10")
    assert {len(page) for page in case.walk()} == {24, 14}
    assert upstream.refused == 0


def test_an_own_page_of_the_upstream_that_was_too_large_gets_a_count_next_time() -> None:
    upstream = Upstream([60 * KB] * 40, 1_000 * KB, "_offset")
    case = Case(upstream)
    assert sum(map(len, case.walk("patient=1"))) == 40
    refused = upstream.refused
    assert sum(map(len, case.walk("patient=1"))) == 40
    assert (refused, upstream.refused) == (1, 1)


def test_a_larger_page_is_tried_a_few_times_a_day_and_a_raised_limit_is_found() -> None:
    upstream = Upstream([28 * KB] * 110, 1_000 * KB)
    case = Case(upstream)
    case.walk()
    upstream.refused, upstream.limit = 0, 8_000 * KB
    assert max(map(len, case.walk())) == 24
    for expected in (48, 100):
        case.clock.now += 28_801
        assert max(map(len, case.walk())) == expected
    assert upstream.refused == 0


def test_a_limit_that_a_413_named_is_forgotten_when_a_larger_answer_comes() -> None:
    upstream = Upstream([28 * KB] * 110, 2**20)
    upstream.named = "1mb"
    case = Case(upstream)
    assert max(map(len, case.walk())) == 24
    upstream.limit = 8_000 * KB
    case.clock.now += 28_801
    assert max(map(len, case.walk())) >= 48
    assert max(map(len, case.walk())) == 100


def test_a_try_that_fails_costs_one_query_and_no_more_that_day_part() -> None:
    upstream = Upstream([28 * KB] * 110, 1_000 * KB)
    case = Case(upstream)
    case.walk()
    case.clock.now += 28_801
    upstream.refused = 0
    for _ in range(3):
        assert sum(map(len, case.walk())) == 110
    assert upstream.refused == 1


def test_another_engine_version_is_learned_anew() -> None:
    upstream = Upstream([28 * KB] * 110, 1_000 * KB)
    case = Case(upstream)
    case.walk()
    upstream.limit, case.version = 8_000 * KB, "26.700"
    assert max(map(len, case.walk())) == 100


def test_another_replica_knows_what_fits() -> None:
    upstream = Upstream([28 * KB] * 110, 1_000 * KB)
    one, two = Case(upstream), Case(upstream)
    two.handler = PageSizer(upstream, one.store, lambda _: 8_000 * KB, lambda _: "26.619", two.clock)
    one.walk()
    upstream.refused = 0
    two.walk()
    assert upstream.refused == 0


@pytest.mark.parametrize("query", ["patient=1&_count=100", "patient=1&_count=1", "patient=1"])
def test_one_match_over_the_limit_says_what_to_do(query: str) -> None:
    case = Case(Upstream([200 * KB], 100 * KB))
    with pytest.raises(Failure) as refused:
        case.walk(query)
    assert (refused.value.kind.status, refused.value.issue, refused.value.text) == (
        413,
        "too-costly",
        SINGLE_RESOURCE_TOO_LARGE,
    )


@pytest.mark.parametrize("count", [1, 2, 7])
def test_a_page_behind_an_opaque_link_never_grows_beyond_the_clients_own(count: int) -> None:
    inner = Scripted(Failure(RESULT_TOO_LARGE), OK)
    case = Case(inner)
    request = fhir_request("DocumentReference", f"patient=1&_count={count}")
    with capture_logs(), suppress(Failure):
        asyncio.run(
            case.handler(
                upstream_page_request(request, Position(upstream_link="DocumentReference?_page_token=x"))
            )
        )
    assert [int(each.upstream_search.values("_count")[0]) for each in inner.asked[1:]] == [count // 2] * (
        count > 1
    )


def test_a_numbered_page_of_unknown_size_is_not_guessed_at() -> None:
    with pytest.raises(Failure) as refused:
        Case(Upstream([10] * 20 + [30 * KB] * 20, 100 * KB, shows_count=False)).walk("patient=1")
    assert "_count" in refused.value.text
    assert refused.value.text != SINGLE_RESOURCE_TOO_LARGE


def test_after_that_the_same_search_begins_with_a_size_and_comes_whole() -> None:
    case = Case(Upstream([10] * 20 + [30 * KB] * 20, 100 * KB, shows_count=False))
    with pytest.raises(Failure):
        case.walk("patient=1")
    assert [each for page in case.walk("patient=1") for each in page] == [str(each) for each in range(40)]


def test_a_read_over_the_limit_says_what_to_do_too() -> None:
    inner = Scripted(Failure(RESULT_TOO_LARGE))
    with pytest.raises(Failure) as refused:
        asyncio.run(Case(inner).handler(fhir_request("DocumentReference/1")))
    assert (refused.value.text, len(inner.asked)) == (SINGLE_RESOURCE_TOO_LARGE, 1)


def test_other_failures_and_other_operations_pass() -> None:
    for path, failure in (("Patient", Failure(OFFLINE)), ("Patient/$summary", Failure(RESULT_TOO_LARGE))):
        inner = Scripted(failure)
        with pytest.raises(Failure) as raised:
            asyncio.run(Case(inner).handler(fhir_request(path, "_count=10")))
        assert raised.value is failure
        assert len(inner.asked) == 1


def test_small_answers_are_passed_on_untouched_and_teach_nothing() -> None:
    inner = Scripted(OK)
    case = Case(inner)
    request = fhir_request("Patient", "_count=10")
    assert asyncio.run(case.handler(request)) is OK
    assert inner.asked == [request]
    assert case.store.used_bytes == 0


def test_a_page_that_was_not_resized_keeps_its_very_bytes() -> None:
    upstream = Upstream([28 * KB] * 20, 8_000 * KB)
    request = fhir_request("DocumentReference", "patient=1&_count=10")
    answer = asyncio.run(Case(upstream).handler(request))
    assert answer.bundle is None
