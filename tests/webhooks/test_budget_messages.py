"""Messages about budgets."""

import asyncio
import base64
import hmac
import json
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from threading import Semaphore

import httpx
import pytest
from structlog.testing import capture_logs
from support.outbound import run_server

from gateway.ledger.budgets import BudgetKey, BudgetNotice, BudgetStatus
from gateway.settings import BudgetWebhook
from gateway.telemetry.metrics import Metrics
from gateway.webhooks.budget_messages import BudgetMessages, MessageMetrics, budget_messages, message_of
from gateway.webhooks.forwarder import Forwarder
from gateway.webhooks.standard_signature import standard_signature

pytestmark = pytest.mark.anyio

KEY = bytes(range(32))
SECRET = f"whsec_{base64.b64encode(KEY).decode()}"
STATUS = BudgetStatus(
    BudgetKey("board", "queries_per_day", "2026-07-01"),
    80,
    100,
    is_hard=True,
    resets_at=datetime(2026, 7, 1, 14, tzinfo=UTC),
)
NOTICE = BudgetNotice(STATUS, 80)


@dataclass
class Receiver:
    """Answers with the statuses in turn, and records heads and bodies."""

    statuses: list[int]
    messages: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    received: Semaphore = field(default_factory=lambda: Semaphore(0))

    async def wait(self, count: int) -> None:
        for _ in range(count):
            assert await asyncio.to_thread(self.received.acquire, timeout=20)

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := (await reader.readuntil(b"\r\n\r\n")).decode():
            lines = (line.split(": ", 1) for line in head.split("\r\n")[1:-2])
            fields = {name.lower(): value for name, value in lines}
            self.messages.append((fields, await reader.readexactly(int(fields["content-length"]))))
            status = self.statuses.pop(0)
            self.received.release()
            writer.write(f"HTTP/1.1 {status} X\r\nContent-Length: 0\r\nLocation: /x\r\n\r\n".encode())
            await writer.drain()


def test_message_has_the_budget_and_its_use() -> None:
    message = message_of(NOTICE, "msg_1")
    assert message.headers == (("content-type", "application/json"), ("webhook-id", "msg_1"))
    assert json.loads(message.body) == {
        "type": "app.budget.used",
        "data": {
            "app": "board",
            "budget": "queries_per_day",
            "period": "2026-07-01",
            "threshold": 80,
            "used": 80,
            "limit": 100,
            "ratio": 0.8,
            "hard": True,
            "resets_at": "2026-07-01T14:00:00+00:00",
        },
    }


async def test_message_arrives_signed_and_is_repeated_with_the_same_id() -> None:
    receiver = Receiver([503, 204])
    with run_server(receiver) as port:
        settings = BudgetWebhook.model_validate({"url": f"http://127.0.0.1:{port}/budgets", "secret": SECRET})
        async with AsyncExitStack() as exit_stack:
            messages = budget_messages(settings, Metrics(), exit_stack)
            messages.open()
            await asyncio.to_thread(messages.send, NOTICE)
            await receiver.wait(2)
    (first, body), (second, same_body) = receiver.messages
    assert first["webhook-id"] == second["webhook-id"]
    assert body == same_body
    signed = f"{second['webhook-id']}.{second['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.new(KEY, signed, "sha256").digest()).decode()
    assert second["webhook-signature"] == f"v1,{expected}"


async def test_redirect_is_not_followed() -> None:
    receiver = Receiver([302, 204])
    with run_server(receiver) as port, capture_logs() as lines:
        settings = BudgetWebhook.model_validate({"url": f"http://127.0.0.1:{port}/", "secret": SECRET})
        async with AsyncExitStack() as exit_stack:
            messages = budget_messages(settings, Metrics(), exit_stack)
            messages.open()
            messages.send(NOTICE)
            await receiver.wait(1)
    assert len(receiver.messages) == 1
    assert [(line["event"], line["receiver"]) for line in lines] == [
        ("webhook-not-forwarded", "budget_webhook")
    ]


class Silence(httpx.AsyncBaseTransport):
    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(60)
        del request
        return httpx.Response(204)


async def test_messages_beyond_the_queue_are_lost_and_logged() -> None:
    forwarder = Forwarder(
        "budget_webhook",
        "https://alerts.example/",
        partial(standard_signature, SECRET),
        Silence(),
        MessageMetrics(Metrics()),
        clock=lambda: 0.0,
        jitter=lambda: 0.0,
        drain_seconds=0.01,
    )
    messages = BudgetMessages(forwarder)
    messages.open()
    for _ in range(1_001):
        messages.send(NOTICE)
    with capture_logs() as lines:
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        await forwarder.aclose()
    assert [(line["event"], line["count"]) for line in lines] == [
        ("webhooks-lost", 1),
        ("webhooks-lost", 1_000),
    ]


async def test_nothing_is_sent_without_a_receiver() -> None:
    async with AsyncExitStack() as exit_stack:
        messages = budget_messages(BudgetWebhook(), Metrics(), exit_stack)
        messages.open()
        messages.send(NOTICE)
