"""Forwarding to one receiver."""

import asyncio
from collections import Counter
from functools import partial
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs
from support.stopwatch import Stopwatch

from gateway.telemetry.metrics import Metrics
from gateway.webhooks import forwarder
from gateway.webhooks.delivery import Delivery
from gateway.webhooks.forward_policy import MAX_ATTEMPTS, own_signature
from gateway.webhooks.forwarder import Forwarder, close_all
from gateway.webhooks.metrics import WebhookMetrics

pytestmark = pytest.mark.anyio

DELIVERY = Delivery(b'{"id": "e-1",  "siteId": "s"}', (("x-halo-id", "e-1"), ("x-halo-signature-256", "00")))
URL = "https://receiver.example/hook?"


class Outcomes(WebhookMetrics):
    """Counts in a table."""

    def __init__(self) -> None:
        super().__init__(Metrics())
        self.counts = Counter[str]()

    def count_forwarded(self, receiver: str, outcome: str, count: int = 1) -> None:
        del receiver
        self.counts[outcome] += count


class Endpoint(httpx.AsyncBaseTransport):
    """Answers with the statuses in turn, the last for good; None: no response; -1: never."""

    def __init__(self, *statuses: int | None) -> None:
        self._statuses = list(statuses)
        self.requests: list[httpx.Request] = []
        self.running = self.most_running = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        try:
            await asyncio.sleep(0.001)
            status = self._statuses.pop(0) if len(self._statuses) > 1 else self._statuses[0]
            if status is None:
                raise httpx.ReadTimeout("synthetic")
            if status < 0:
                await asyncio.sleep(60)
            return httpx.Response(status)
        finally:
            self.running -= 1


class Case:
    def __init__(self, *statuses: int | None, secret: str = "", **options: Any) -> None:
        self.endpoint, self.outcomes = Endpoint(*statuses), Outcomes()
        self.forwarder = Forwarder(
            "billing",
            "https://receiver.example/hook",
            partial(own_signature, secret),
            self.endpoint,
            self.outcomes,
            clock=lambda: 1_782_000_000.0,
            jitter=lambda: 0.0,
            **options,
        )

    async def settle(self) -> None:
        await asyncio.gather(*self.forwarder._tasks)


async def test_body_and_headers_of_halo_arrive_as_they_came() -> None:
    case = Case(204)
    case.forwarder.forward(DELIVERY)
    await case.settle()
    (request,) = case.endpoint.requests
    assert (request.method, str(request.url)) == ("POST", "https://receiver.example/hook")
    assert request.read() == DELIVERY.body
    assert dict(request.headers).items() >= dict(DELIVERY.headers).items()
    assert "gateway-signature-256" not in request.headers
    assert case.outcomes.counts == {"delivered": 1}


async def test_own_signature_is_added_with_a_secret() -> None:
    case = Case(204, secret="synthetic secret")  # noqa: S106 - a test's own
    case.forwarder.forward(DELIVERY)
    await case.settle()
    headers = case.endpoint.requests[0].headers
    assert (headers["gateway-timestamp"], len(headers["gateway-signature-256"])) == ("1782000000", 64)
    assert headers["x-halo-signature-256"] == "00"


@pytest.mark.parametrize(
    ("statuses", "attempts", "outcome"),
    [
        ((503, None, 429, 408, 200), 5, "delivered"),
        ((400,), 1, "refused"),
        ((500, 404), 2, "refused"),
        ((302,), 1, "refused"),
        ((500,), MAX_ATTEMPTS, "failed"),
        ((None,), MAX_ATTEMPTS, "failed"),
    ],
)
async def test_attempts_end_with_success_refusal_or_the_tenth(
    statuses: tuple[int | None, ...], attempts: int, outcome: str
) -> None:
    case = Case(*statuses, wait_seconds=lambda *_: 0.0)
    with capture_logs() as lines:
        case.forwarder.forward(DELIVERY)
        await case.settle()
    assert (len(case.endpoint.requests), case.outcomes.counts) == (attempts, {outcome: 1})
    events = [(line["event"], line["attempts"]) for line in lines]
    assert events == ([] if outcome == "delivered" else [("webhook-not-forwarded", attempts)])


async def test_few_are_sent_at_a_time() -> None:
    case = Case(204)
    for _ in range(50):
        case.forwarder.forward(DELIVERY)
    await case.settle()
    assert case.outcomes.counts == {"delivered": 50}
    assert case.endpoint.most_running == forwarder.MAX_SENDING


async def test_failed_webhook_does_not_delay_the_next() -> None:
    case = Case(500, 204)
    with capture_logs():
        case.forwarder.forward(DELIVERY)
        case.forwarder.forward(DELIVERY)
        await asyncio.sleep(0.1)
        assert case.outcomes.counts == {"delivered": 1}
        await case.forwarder.aclose()


async def test_number_of_waiting_webhooks_is_limited() -> None:
    case = Case(-1, drain_seconds=0.05)
    for _ in range(forwarder.MAX_WAITING):
        assert case.forwarder.has_room(DELIVERY)
        case.forwarder.forward(DELIVERY)
    assert not case.forwarder.has_room(DELIVERY)
    with capture_logs() as lines:
        await case.forwarder.aclose()
    assert case.outcomes.counts == {"lost": forwarder.MAX_WAITING}
    assert [(line["event"], line["count"]) for line in lines] == [("webhooks-lost", forwarder.MAX_WAITING)]
    assert case.forwarder._waiting_bytes == 0


async def test_bytes_of_waiting_webhooks_are_limited() -> None:
    case, large = Case(-1, drain_seconds=0.05), Delivery(b"x" * 65_536, ())
    while case.forwarder.has_room(large):
        case.forwarder.forward(large)
    assert len(case.forwarder._tasks) == forwarder.MAX_WAITING_BYTES // 65_536
    with capture_logs():
        await case.forwarder.aclose()


async def test_end_of_the_process_tries_once_more() -> None:
    case = Case(500, 204)
    case.forwarder.forward(DELIVERY)
    await asyncio.sleep(0.05)
    with capture_logs() as lines:
        await case.forwarder.aclose()
    assert (case.outcomes.counts, lines) == ({"delivered": 1}, [])
    assert not case.forwarder.has_room(DELIVERY)


async def test_webhook_that_fails_once_more_at_the_end_is_lost() -> None:
    case = Case(500)
    case.forwarder.forward(DELIVERY)
    await asyncio.sleep(0.05)
    with capture_logs() as lines:
        await case.forwarder.aclose()
    assert (len(case.endpoint.requests), case.outcomes.counts) == (2, {"lost": 1})
    assert [(line["event"], line["count"]) for line in lines] == [("webhooks-lost", 1)]


async def test_several_receivers_end_at_the_same_time() -> None:
    cases = [Case(-1, drain_seconds=0.3) for _ in range(5)]
    for case in cases:
        case.forwarder.forward(DELIVERY)
    with Stopwatch() as wait, capture_logs():
        await close_all([case.forwarder for case in cases])
    assert wait.seconds < 1
