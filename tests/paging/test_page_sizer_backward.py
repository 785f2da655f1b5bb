"""Previous pages that are made smaller: each ends exactly where the next one begins."""

import asyncio
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from paging.test_page_sizer import KB, Case, Upstream
from search.test_merge import BASE
from structlog.testing import capture_logs
from support.requests import fhir_request
from support.scripted_upstream import ScriptedUpstream

from gateway.errors.failure import Failure
from gateway.exchange import START, FhirResponse, Position
from gateway.fhir.bundle import Bundle
from gateway.paging.upstream_links import link_positions
from gateway.search.executor import upstream_page_request
from gateway.upstreams.halo_failures import RESULT_TOO_LARGE


class TwoWayUpstream(Upstream):
    """It links `previous`, which begins at 0 if there are fewer matches before the page than its size."""

    def _bundle(self, page: range, count: int) -> dict[str, Any]:
        bundle = super()._bundle(page, count)
        before = (
            f"_page={page.start // count}"
            if self.paging == "_page"
            else f"_offset={max(0, page.start - count)}"
        )
        size = f"&_count={count}" if self.shows_count else ""
        url = f"{BASE}/DocumentReference?patient=1{size}&{before}"
        return bundle | {"link": bundle["link"] + [{"relation": "previous", "url": url}] * (page.start > 0)}


async def read(case: Case, position: Position, count: int) -> Bundle:
    request = fhir_request("DocumentReference", f"patient=1&_count={count}").with_plan(position=position)
    with capture_logs():
        response = await case.handler(upstream_page_request(request, position))
    bundle = response.with_parsed_bundle().bundle
    assert bundle is not None
    return bundle


def numbers(bundle: Bundle) -> list[int]:
    return [int(item.full_url.rpartition("/")[2]) for item in bundle.entries]


async def walk(case: Case, count: int) -> tuple[list[list[int]], list[list[int]]]:
    """The matches of all pages forward, then of all pages backward from the last."""
    request, bundle = (
        fhir_request("DocumentReference", f"patient=1&_count={count}"),
        await read(case, START, count),
    )
    forward = [numbers(bundle)]
    while position := link_positions(request, bundle).get("next"):
        bundle = await read(case, position, count)
        forward.append(numbers(bundle))
    backward = []
    while position := link_positions(request, bundle).get("previous"):
        bundle = await read(case, position, count)
        backward.append(numbers(bundle))
    return forward, backward


LIGHT_THEN_HEAVY = [10] * 7 + [30 * KB] * 8


@settings(max_examples=100, deadline=None)
@example(sizes=LIGHT_THEN_HEAVY, limit=100 * KB, count=7, paging="_offset", shows=True)
@example(sizes=LIGHT_THEN_HEAVY, limit=100 * KB, count=7, paging="_offset", shows=False)
@example(sizes=LIGHT_THEN_HEAVY, limit=100 * KB, count=7, paging="_page", shows=False)
@given(
    sizes=st.lists(st.integers(10, 30 * KB), min_size=1, max_size=60),
    limit=st.integers(40 * KB, 200 * KB),
    count=st.sampled_from((7, 20, 24, 36)),
    paging=st.sampled_from(("_page", "_offset")),
    shows=st.booleans(),
)
def test_previous_pages_show_exactly_the_matches_before(
    sizes: list[int], limit: int, count: int, paging: str, shows: bool
) -> None:
    case = Case(TwoWayUpstream(sizes, limit, paging, shows_count=shows))
    forward, backward = asyncio.run(walk(case, count))
    before = [number for page in reversed(backward) for number in page]
    assert before == list(range(forward[-1][0]))


@pytest.mark.anyio
async def test_opaque_previous_page_that_is_too_large_is_refused() -> None:
    inner = ScriptedUpstream(Failure(RESULT_TOO_LARGE))
    position = Position(upstream_link="DocumentReference?token=x", is_backward=True)
    with pytest.raises(Failure, match="result-too-large"):
        await read(Case(inner), position, 10)
    assert len(inner.requests) == 1


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("place", "is_backward", "expected"),
    [
        ("_offset=8", True, "_count=4&_offset=12"),
        ("_offset=8", False, "_count=4&_offset=8"),
        ("_page=2", True, "_count=4&_page=4"),
        ("_page=2", False, "_count=4&_page=3"),
    ],
)
async def test_smaller_previous_page_keeps_its_end(place: str, is_backward: bool, expected: str) -> None:
    empty = FhirResponse(200, body=b'{"resourceType":"Bundle","type":"searchset"}')
    inner = ScriptedUpstream(Failure(RESULT_TOO_LARGE), empty)
    link = f"DocumentReference?patient=1&_count=8&{place}"
    await read(Case(inner), Position(upstream_link=link, is_backward=is_backward), 8)
    assert inner.requests[-1].upstream_search.query == f"patient=1&{expected}"
