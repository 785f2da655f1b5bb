"""Execution of a batch by handlers in memory."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from math import inf
from time import monotonic
from typing import Any

import pytest
from support.requests import fhir_request, json_response

from gateway.batch.executor import BatchExecutor
from gateway.errors.catalog import GATEWAY_OVERLOADED
from gateway.errors.failure import Failure
from gateway.exchange import NO_USE, FhirRequest, FhirResponse, UpstreamUse
from gateway.settings import Settings
from gateway.web.errors import error_response

pytestmark = pytest.mark.anyio

ANSWER = json_response({"resourceType": "Basic"})


class Practice:
    """Entry handler: what was sent and in flight; `answer` makes each response."""

    def __init__(self, answer: Callable[[FhirRequest], FhirResponse] = lambda _: ANSWER) -> None:
        self.sent: list[str] = []
        self.deadlines: list[float] = []
        self.rejected: list[str] = []
        self.logged: dict[str, list[tuple[int, int]]] = {}
        self.in_flight = self.most_in_flight = 0
        self._answer = answer

    async def __call__(self, request: FhirRequest) -> FhirResponse:
        self.sent.append(f"{request.method} {request.path}")
        self.deadlines.append(request.deadline)
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        for _ in range(50):
            await asyncio.sleep(0)
        self.in_flight -= 1
        return self._answer(request)

    def reject(self, request: FhirRequest, failure: Failure) -> FhirResponse:
        self.rejected.append(failure.kind.code)
        return error_response(failure, request)

    def executor(self, **server: Any) -> BatchExecutor:
        settings = Settings.model_validate({"server": server})
        return BatchExecutor(_alone, self, self.reject, settings, self.log)

    def log(self, request: FhirRequest, response: FhirResponse, seconds: float) -> None:
        assert seconds >= 0
        line = response.status, response.upstream_use.queries
        self.logged.setdefault(request.request_id, []).append(line)

    async def run(self, *lines: str, **server: Any) -> FhirResponse:
        return await self.executor(**server)(batch(*lines))

    async def statuses(self, *lines: str, **server: Any) -> list[str]:
        return [entry["response"]["status"] for entry in entries(await self.run(*lines, **server))]


async def _alone(_: FhirRequest) -> FhirResponse:
    return FhirResponse(299)


def batch(*lines: str) -> FhirRequest:
    """A batch of requests such as `GET Patient/1`; writes have a resource."""
    items = [line.split(" ", 1) for line in lines]
    resource = {"resource": {"resourceType": "Patient"}}
    body = [
        {"request": {"method": method, "url": url}} | (resource if method in {"POST", "PUT"} else {})
        for method, url in items
    ]
    content = json.dumps({"resourceType": "Bundle", "type": "batch", "entry": body}).encode()
    return fhir_request("", method="POST", body=content, deadline=100.0)


def entries(response: FhirResponse) -> list[dict[str, Any]]:
    bundle = json.loads(response.body)
    assert (response.status, bundle["type"]) == (200, "batch-response")
    found: list[dict[str, Any]] = bundle.get("entry", [])
    return found


def status_of(codes: dict[str, int]) -> Callable[[FhirRequest], FhirResponse]:
    return lambda request: json_response({"resourceType": "Basic"}, codes.get(request.path, 200))


@pytest.mark.parametrize(
    "request_",
    [
        fhir_request("Patient/1"),
        fhir_request("", method="POST", body=b'{"resourceType":"Bundle","type":"transaction"}'),
        fhir_request("", method="POST", body=b'{"resourceType":"Patient"}'),
    ],
)
async def test_other_request_passes_unchanged(request_: FhirRequest) -> None:
    practice = Practice()
    assert (await practice.executor()(request_)).status == 299
    assert practice.sent == []


async def test_invalid_batch_sends_nothing() -> None:
    practice = Practice()
    response = await practice.run(*["GET Patient/1"] * 51)
    assert (response.status, practice.sent, practice.rejected) == (400, [], ["batch-invalid"])


async def test_responses_are_in_the_order_of_the_entries() -> None:
    codes = {"Patient/1": 201, "Patient/2": 202, "Patient/3": 203, "Patient/4": 404}
    lines = ["PUT Patient/1", "GET Patient/3", "GET x:y", "PUT Patient/2", "GET Patient/4"]
    practice = Practice(status_of(codes))
    statuses = [status[:3] for status in await practice.statuses(*lines)]
    assert statuses == ["201", "203", "400", "202", "404"]


async def test_reads_are_first_and_writes_in_document_order() -> None:
    practice = Practice()
    lines = ["PUT Patient/1", "GET Patient/2", "POST Patient", "DELETE Patient/3", "GET Patient/4"]
    await practice.run(*lines, "POST Patient/$merge", "PUT Patient/0")
    assert set(practice.sent[:2]) == {"GET Patient/2", "GET Patient/4"}
    assert practice.sent[2:] == [
        "PUT Patient/1",
        "POST Patient",
        "DELETE Patient/3",
        "POST Patient/$merge",
        "PUT Patient/0",
    ]


async def test_few_reads_and_one_write_run_at_a_time() -> None:
    reads, writes = Practice(), Practice()
    await reads.run(*[f"GET Patient/{number}" for number in range(20)])
    await writes.run(*[f"PUT Patient/{number}" for number in range(20)])
    assert (len(reads.sent), reads.most_in_flight) == (20, 4)
    assert (len(writes.sent), writes.most_in_flight) == (20, 1)


async def test_empty_batch_has_an_empty_response() -> None:
    assert entries(await Practice().run()) == []


async def test_time_of_upstream_requests_is_no_wait_of_the_next() -> None:
    used = ANSWER.replace(upstream_use=UpstreamUse(1, 5.0))
    practice = Practice(lambda _: used)
    await practice.run("PUT Patient/1", "PUT Patient/2", "PUT Patient/3")
    assert practice.deadlines == [100.0, 105.0, 110.0]


@pytest.mark.parametrize("status", [500, 502, 503, 504])
async def test_write_after_a_failed_write_is_not_sent(status: int) -> None:
    practice = Practice(status_of({"Patient/1": status}))
    lines = ["PUT Patient/0", "PUT Patient/1", "GET Patient/5", "PUT Patient/2", "DELETE Patient/3"]
    statuses = [found[:3] for found in await practice.statuses(*lines)]
    assert statuses == ["200", str(status), "200", "503", "503"]
    assert practice.sent == ["GET Patient/5", "PUT Patient/0", "PUT Patient/1"]
    assert practice.rejected == ["batch-change-held"] * 2


@pytest.mark.parametrize("status", [400, 404, 409, 412, 422, 429, 501])
async def test_write_after_a_refused_write_is_sent(status: int) -> None:
    practice = Practice(status_of({"Patient/1": status}))
    await practice.run("PUT Patient/1", "PUT Patient/2")
    assert len(practice.sent) == 2


async def test_failed_read_holds_no_write() -> None:
    practice = Practice(status_of({"Patient/1": 504}))
    assert len(await practice.statuses("GET Patient/1", "PUT Patient/2")) == 2
    assert len(practice.sent) == 2


async def test_refused_credentials_refuse_the_whole_batch_early() -> None:
    refusal = json_response({"resourceType": "OperationOutcome"}, 401, www_authenticate="Bearer")
    practice = Practice(lambda _: refusal)
    response = await practice.run(*[f"GET Patient/{n}" for n in range(20)], "PUT Patient/1")
    assert (response.status, response.header("www-authenticate")) == (401, "Bearer")
    assert len(practice.sent) <= 4


async def test_credentials_that_expire_midway_concern_later_entries_only() -> None:
    practice = Practice(status_of({"Patient/2": 401}))
    lines = ["PUT Patient/1", "PUT Patient/2", "PUT Patient/3"]
    assert [found[:3] for found in await practice.statuses(*lines)] == ["200", "401", "401"]
    assert len(practice.sent) == 2


async def test_responses_beyond_the_maximum_size_are_left_out() -> None:
    large = json_response({"resourceType": "Basic", "x": "y" * 400})
    practice = Practice(lambda _: large)
    response = await practice.run(*[f"GET Patient/{n}" for n in range(50)], max_batch_response=1_000)
    statuses = [entry["response"]["status"][:3] for entry in entries(response)]
    assert (statuses.count("200"), statuses.count("413")) == (2, 48)
    assert len(practice.sent) <= 8  # what was in flight when the size was reached
    assert len(response.body) < 50_000


async def test_write_beyond_the_maximum_size_still_says_that_it_succeeded() -> None:
    large = json_response({"resourceType": "Basic", "x": "y" * 2_000}, 201, location="https://gw.example/P/1")
    practice = Practice(lambda _: large)
    (found,) = entries(await practice.run("POST Patient", max_batch_response=1_000))
    assert found == {"response": {"status": "201 Created", "location": "https://gw.example/P/1"}}


async def test_repairs_of_all_entries_are_listed_once() -> None:
    practice = Practice(lambda request: ANSWER.replace(applied_repairs=("a", request.interaction.code)))
    response = await practice.run("GET Patient/1", "GET Patient/2", "GET Patient")
    assert response.applied_repairs == ("a", "read", "search-type")


OVERLOADED = error_response(Failure(GATEWAY_OVERLOADED))


async def test_entry_refused_by_a_full_queue_is_sent_again() -> None:
    """Several batches share places of which there are fewer than one batch has lanes."""
    running = 0

    async def handle(request: FhirRequest) -> FhirResponse:
        nonlocal running
        if running >= 2:
            return OVERLOADED
        running += 1
        await asyncio.sleep(0.002)
        running -= 1
        return ANSWER

    executor = BatchExecutor(_alone, handle, Practice().reject, Settings())
    request = batch(*[f"GET Patient/{n}" for n in range(49)], "PUT Patient/1").replace(deadline=inf)
    responses = await asyncio.gather(*[executor(request) for _ in range(4)])
    statuses = {entry["response"]["status"] for each in responses for entry in entries(each)}
    assert statuses == {"200 OK"}


async def test_refused_entries_are_sent_again_until_the_deadline_only() -> None:
    practice = Practice(lambda _: OVERLOADED)
    request = batch(*[f"GET Patient/{n}" for n in range(20)]).replace(deadline=monotonic() + 0.7)
    found = entries(await practice.executor()(request))
    assert {entry["response"]["status"][:3] for entry in found} == {"503"}
    assert 21 <= len(practice.sent) <= 25


@pytest.mark.parametrize(
    "response",
    [OVERLOADED.replace(upstream_use=UpstreamUse(1, 0.0)), json_response({"text": "overloaded"}, 500)],
)
async def test_entry_that_may_have_been_sent_is_not_sent_again(response: FhirResponse) -> None:
    practice = Practice(lambda _: response)
    await practice.executor()(batch("GET Patient/1").replace(deadline=inf))
    assert len(practice.sent) == 1


async def test_cancelled_batch_sends_no_further_write() -> None:
    practice, started = Practice(), asyncio.Event()

    async def slow(request: FhirRequest) -> FhirResponse:
        started.set()
        await asyncio.sleep(30)
        return await practice(request)

    executor = BatchExecutor(_alone, slow, practice.reject, Settings())
    task: asyncio.Future[FhirResponse] = asyncio.ensure_future(
        _awaited(executor(batch("PUT Patient/1", "PUT Patient/2")))
    )
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert practice.sent == []


async def _awaited(response: Awaitable[FhirResponse]) -> FhirResponse:
    return await response


BILLED = UpstreamUse(1, 0.1, 1)


async def test_each_entry_is_logged_once_with_its_last_response() -> None:
    attempts: list[str] = []

    def answer(request: FhirRequest) -> FhirResponse:
        attempts.append(request.path)
        full = attempts.count(request.path) < 3 and request.path == "Patient/1"
        return OVERLOADED if full else ANSWER.with_upstream_use(BILLED)

    practice = Practice(answer)
    request = batch("GET Patient/1", "GET Patient/2", "NONSENSE Patient/3", "GET Zzyzx/4")
    await practice.executor()(request.replace(deadline=inf))
    assert practice.logged == {
        "r-1.0": [(200, 1)],
        "r-1.1": [(200, 1)],
        "r-1.2": [(405, 0)],
        "r-1.3": [(404, 0)],
    }


async def test_left_out_entry_keeps_its_queries_in_the_log() -> None:
    large = json_response({"resourceType": "Basic", "x": "y" * 2_000}).with_upstream_use(BILLED)
    practice = Practice(lambda _: large)
    await practice.run("GET Patient/1", max_batch_response=1_000)
    assert practice.logged == {"r-1.0": [(413, 1)]}


async def test_refused_entries_are_logged_without_the_queries_of_the_first() -> None:
    refusal = json_response({"resourceType": "OperationOutcome"}, 401).with_upstream_use(BILLED)
    practice = Practice(lambda _: refusal)
    response = await practice.run("PUT Patient/1", "PUT Patient/2")
    assert practice.logged == {"r-1.0": [(401, 1)], "r-1.1": [(401, 0)]}
    assert response.upstream_use == NO_USE
