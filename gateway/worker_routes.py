"""Operators' endpoints of one of several workers: each responds for all of them."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final
from urllib.parse import urlencode

import httpx
import msgspec
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.admin.dashboard.practice_states import problems_first
from gateway.admin.endpoints import failure_response
from gateway.admin.reach import MISSING_WORKERS
from gateway.admin.requests import NO_STORE_HEADERS, NOT_SERVED
from gateway.admin.worker_sums import COMBINATIONS, CombineResponses, summed_statistics, worst_sites
from gateway.errors import catalog
from gateway.errors.failure import Failure
from gateway.server.siblings import SiblingAnswer, SiblingRequest
from gateway.server.worker import Worker
from gateway.stores.base import Store
from gateway.telemetry.metric_sums import counters_of, summed_page, with_missing_workers

#: Path of the metrics.
METRICS_PATH: Final = "/metrics"
#: Header fields that a sibling must see to decide as the answering worker did.
_PASSED_FIELDS: Final = ("authorization", "content-type", "origin", "sec-fetch-site")
#: Seconds between two looks for messages of siblings by a worker without requests.
_RECEIVE_SECONDS: Final = 0.05
#: Parameters of a page of a list, its `offset` and its `limit`, and the largest limit.
_PAGE: Final = re.compile("(0|[1-9][0-9]{0,8}) ([1-9][0-9]{0,8})")
_MAX_LIMIT: Final = 999_999_999
#: Statuses of a worker that has done what it was asked, or has nothing to do: it refuses a practice of which
#: it knows nothing, while a sibling may have its circuit.
_DONE: Final = frozenset({httpx.codes.OK, httpx.codes.BAD_REQUEST})
#: Beyond this many bytes a body is no request of an operator.
_MAX_BODY: Final = 10_000


@dataclass
class WorkerRoutes:
    """Routes that answer for all workers, and the answers of this one to the others.

    `app` has the same endpoints for this worker alone. Its metrics include the counters of the workers that
    it replaced, so that no sum goes back.
    """

    worker: Worker
    app: Starlette
    has_shared_store: bool
    _earlier_page: bytes = field(init=False)

    def __post_init__(self) -> None:
        self._earlier_page = self.worker.pages.read(self.worker.number)

    def with_sums(self, routes: Iterable[Route]) -> list[Route]:
        """Return routes whose responses are those of all workers, where there is a way to combine them."""
        return [self._with_sum(route) for route in routes]

    async def answer(self, request: SiblingRequest) -> SiblingAnswer:
        """Answer a request of another worker."""
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://worker") as client:
            response = await client.request(
                request.method, request.target, headers=request.headers, content=request.body
            )
        body = response.content
        if request.target == METRICS_PATH and response.is_success:
            body = await run_in_threadpool(self._own_page, body)
        return SiblingAnswer(response.status_code, body)

    @asynccontextmanager
    async def lifespan(self, store: Store) -> AsyncIterator[None]:
        """Answer siblings, and receive their messages, until the context ends."""
        receiving = asyncio.create_task(_receive_messages(getattr(store, "receive", None)))
        async with self.worker.siblings.serve(self.answer):
            yield
        receiving.cancel()
        with suppress(asyncio.CancelledError):
            await receiving

    def _with_sum(self, route: Route) -> Route:
        method = "POST" if "POST" in (route.methods or ()) else "GET"
        endpoint: Callable[[Request], Any] = route.endpoint
        if route.path == METRICS_PATH:
            return Route(route.path, partial(self._sum_of_metrics, endpoint), methods=["GET"])
        combine = COMBINATIONS.get((method, route.path_format))
        if combine is None:
            return route
        if combine is summed_statistics:
            combine = partial(summed_statistics, has_shared_store=self.has_shared_store)
        return Route(route.path, partial(self._combine, endpoint, combine), methods=[method])

    async def _sum_of_metrics(self, endpoint: Callable[[Request], Any], request: Request) -> Response:
        own: Response = await endpoint(request)
        own_page = await run_in_threadpool(self._own_page, bytes(own.body))
        answers = await self.worker.siblings.ask(SiblingRequest("GET", METRICS_PATH))
        earlier = self.worker.pages.read
        pages = [answer.body if answer else earlier(number) for number, answer in answers.items()]
        summed = partial(summed_page, [own_page, *pages], has_shared_store=self.has_shared_store)
        missing = sum(answer is None for answer in answers.values())
        return _with_body(own, with_missing_workers(await run_in_threadpool(summed), missing))

    def _own_page(self, page: bytes) -> bytes:
        """Return this worker's page with the counters of its predecessors, which outlive it, too."""
        whole = summed_page([page, self._earlier_page]) if self._earlier_page else page
        self.worker.pages.write(self.worker.number, counters_of(whole))
        return whole

    async def _combine(
        self, endpoint: Callable[[Request], Any], combine: CombineResponses, request: Request
    ) -> Response:
        if int(request.headers.get("content-length", "0") or 0) > _MAX_BODY:
            return await endpoint(request)  # type: ignore[no-any-return] # it refuses the body
        body = await request.body()
        whole = _from_the_first_row(request) if combine is worst_sites else request
        own: Response = await endpoint(whole)
        if own.status_code not in _DONE:
            return own
        answers = await self.worker.siblings.ask(_passed_request(whole, body))
        of_all = (SiblingAnswer(own.status_code, bytes(own.body)), *answers.values())
        bodies = [answer.body for answer in of_all if answer and answer.status == httpx.codes.OK]
        missing = [number for number, answer in answers.items() if not _has_answered(answer)]
        if not bodies:
            return _refusal(own, missing)
        combined = combine([msgspec.json.decode(body) for body in bodies])
        combined = _rows_of_page(combined, request.query_params)
        if missing:
            combined = {**combined, MISSING_WORKERS: missing}
        content = msgspec.json.encode(combined)
        return Response(content, headers=NO_STORE_HEADERS, media_type="application/json")


def _refusal(own: Response, missing: Iterable[int]) -> Response:
    """Return this worker's refusal, but 503 for a practice that a worker without an answer may know."""
    text = msgspec.json.decode(bytes(own.body))["issue"][0]["details"]["text"]
    silent = ", ".join(f"worker {number}" for number in missing)
    if not silent or text != NOT_SERVED:
        return own
    text += f" But {silent} did not answer and may know more. Retry after the time in Retry-After."
    return failure_response(Failure(catalog.GATEWAY_OVERLOADED, text=text))


def _has_answered(answer: SiblingAnswer | None) -> bool:
    return answer is not None and answer.status in _DONE


def _from_the_first_row(request: Request) -> Request:
    """Return a request for all rows up to the last one wanted: each worker has an order of its own.

    What is wrong with its parameters, the endpoint says.
    """
    query = dict(request.query_params)
    page = _PAGE.fullmatch(f"{query.pop('offset', '')} {query.pop('limit', '')}")
    if page is None:
        return request
    query["limit"] = str(min(int(page[1]) + int(page[2]), _MAX_LIMIT))
    return Request({**request.scope, "query_string": urlencode(query).encode()}, request.receive)


def _rows_of_page(combined: dict[str, Any], wanted: Mapping[str, str]) -> dict[str, Any]:
    """Return the rows that were wanted of a list of practices, in the order of all workers."""
    if "sites" not in combined or "limit" not in wanted:
        return combined
    offset, limit = int(wanted.get("offset", "0")), int(wanted["limit"])
    return {**combined, "sites": problems_first(combined["sites"])[offset:][:limit]}


def _passed_request(request: Request, body: bytes) -> SiblingRequest:
    fields = [(name, value) for name, value in request.headers.items() if name in _PASSED_FIELDS]
    query = f"?{request.url.query}" if request.url.query else ""
    method = "GET" if request.method == "HEAD" else request.method  # a HEAD has no body to combine
    return SiblingRequest(method, request.url.path + query, fields, body)


def _with_body(response: Response, body: bytes) -> Response:
    headers = {name: value for name, value in response.headers.items() if name != "content-length"}
    return Response(body, response.status_code, headers)


async def _receive_messages(receive: Callable[[], Any] | None) -> None:
    while receive is not None:
        await asyncio.sleep(_RECEIVE_SECONDS)
        await receive()
