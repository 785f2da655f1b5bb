"""Lists of practices of several workers; tests/end_to_end/test_workers.py runs two processes."""

from types import SimpleNamespace
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.routing import Route
from support.operators import TOKEN, route_response
from support.requests import NOW
from support.site_status import GUID, OFFLINE, QUIET, STRANGE, FaultyUpstream

from gateway.admin.endpoints import AdminEndpoints
from gateway.admin.requests import SiteNames
from gateway.admin.sites import SiteEndpoints
from gateway.server.siblings import SiblingAnswer, SiblingRequest
from gateway.worker_routes import WorkerRoutes

pytestmark = pytest.mark.anyio


def worker_of(number: int, halo: FaultyUpstream, *others: WorkerRoutes) -> WorkerRoutes:
    """A worker whose requests this upstream has answered; it asks the others."""

    async def ask(request: SiblingRequest) -> dict[int, SiblingAnswer]:
        return {other.worker.number: await other.answer(request) for other in others}

    worker: Any = SimpleNamespace(
        number=number, siblings=SimpleNamespace(ask=ask), pages=SimpleNamespace(read=lambda _: b"")
    )
    return WorkerRoutes(worker, Starlette(routes=routes_of(halo)), has_shared_store=False)


def routes_of(halo: FaultyUpstream) -> list[Route]:
    """Routes of one worker, which knows the practices that this upstream has seen."""
    names = SiteNames(is_served=lambda _: False, has_state=halo.status_reader.has_state)
    group = SiteEndpoints(halo.status_reader, names, lambda: NOW)
    return AdminEndpoints(TOKEN, [group]).shared_port_routes()


async def test_page_of_all_workers_has_the_worst_of_all_first() -> None:
    """Each worker knows another practice in trouble."""
    first, second = FaultyUpstream(), FaultyUpstream()
    await first.fail_once(OFFLINE, guid=STRANGE)
    await second.fail_once(OFFLINE, guid=QUIET)
    await second.fail_once(OFFLINE, guid=GUID)
    asked = worker_of(1, first, worker_of(2, second))
    routes = asked.with_sums(routes_of(first))

    async def rows(query: str) -> list[str]:
        response = await route_response(routes, "GET", f"/admin/sites?view=brief{query}")
        return [site["site"] for site in response.json()["sites"]]

    whole = await rows("&limit=9")
    assert set(whole) == {GUID, QUIET, STRANGE}
    for limit in (1, 2):
        for offset in range(4):
            page = await rows(f"&limit={limit}&offset={offset}")
            assert page == whole[offset : offset + limit]
    assert await rows("&limit=999999999&offset=1") == whole[1:]
    for query in ("limit=01&offset=1", "limit=1&offset=x", "offset=1"):
        response = await route_response(routes, "GET", f"/admin/sites?view=brief&{query}")
        assert response.status_code == 400


async def test_head_of_a_list_has_the_fields_of_get() -> None:
    worker = worker_of(1, FaultyUpstream(), worker_of(2, FaultyUpstream()))
    routes = worker.with_sums(routes_of(FaultyUpstream()))
    whole, head = [await route_response(routes, method, "/admin/sites") for method in ("GET", "HEAD")]
    assert (whole.status_code, head.status_code, head.content) == (200, 200, b"")
    assert head.headers == whole.headers


async def test_practice_that_only_a_sibling_knows_is_reset() -> None:
    asked, knowing = FaultyUpstream(), FaultyUpstream()
    await knowing.fail_once(OFFLINE, guid=STRANGE)
    worker = worker_of(1, asked, worker_of(2, knowing))
    routes = worker.with_sums(routes_of(asked))
    path = f"/admin/sites/{STRANGE}/reset"
    response = await route_response(routes, "POST", path)
    assert (response.status_code, response.json()["reset"]) == (200, ["circuit"])
    assert "missingWorkers" not in response.json()
    unknown = await route_response(routes, "POST", path.replace("ffffffff", "eeeeeeee"))
    assert (unknown.status_code, "reset" in unknown.json()) == (400, False)


def routes_without_worker_2() -> list[Route]:
    """Routes of worker 1, whose sibling 3 answers and whose sibling 2 is silent."""
    halo = FaultyUpstream()
    worker = worker_of(1, halo, worker_of(3, FaultyUpstream()))
    ask_others = worker.worker.siblings.ask

    async def ask(request: SiblingRequest) -> dict[int, SiblingAnswer | None]:
        return {2: None, **await ask_others(request)}

    worker.worker.siblings.ask = ask  # type: ignore[method-assign]
    return worker.with_sums(routes_of(halo))


@pytest.mark.parametrize("path", ["/admin/sites", "/admin/pauses"])
async def test_response_without_a_worker_names_it(path: str) -> None:
    response = await route_response(routes_without_worker_2(), "GET", path)
    assert (response.status_code, response.json()["missingWorkers"]) == (200, [2])


@pytest.mark.parametrize(
    ("method", "path"), [("POST", f"/admin/sites/{STRANGE}/reset"), ("GET", f"/admin/sites?site={STRANGE}")]
)
async def test_practice_that_a_silent_worker_may_know_is_no_400(method: str, path: str) -> None:
    response = await route_response(routes_without_worker_2(), method, path)
    text = response.json()["issue"][0]["details"]["text"]
    assert (response.status_code, response.headers["retry-after"]) == (503, "5")
    assert "But worker 2 did not answer and may know more. Retry after the time" in text


@pytest.mark.parametrize("query", ["view=all", "site=zzyzx", "zzyzx=1"])
async def test_wrong_request_is_400_without_a_silent_worker(query: str) -> None:
    response = await route_response(routes_without_worker_2(), "GET", f"/admin/sites?{query}")
    assert (response.status_code, "worker" in response.text) == (400, False)
