"""Messages to the receiver of `budget_webhook`: an app has used 50, 80 or 100 % of a budget.

They have the form of Standard Webhooks. Neither patients nor practices nor callers are in them.
"""

import asyncio
import random
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from functools import partial
from typing import Final
from uuid import uuid4

import msgspec
import structlog
from prometheus_client import Counter

from gateway.ledger.budgets import BudgetNotice
from gateway.settings import BudgetWebhook
from gateway.telemetry.metrics import Metrics
from gateway.webhooks.delivery import Delivery
from gateway.webhooks.forwarder import Forwarder, receiver_transport
from gateway.webhooks.standard_signature import ID_HEADER, standard_signature

_log = structlog.get_logger()
#: Name of the receiver in the log.
RECEIVER: Final = "budget_webhook"
MESSAGE_TYPE: Final = "app.budget.used"


class BudgetMessages:
    """Sends notices in the background; without a forwarder, none."""

    def __init__(
        self, forwarder: Forwarder | None = None, new_id: Callable[[], str] = lambda: f"msg_{uuid4().hex}"
    ) -> None:
        self._forwarder = forwarder
        self._new_id = new_id
        self._loop: asyncio.AbstractEventLoop | None = None

    def open(self) -> None:
        """Take the running event loop as the one that sends."""
        self._loop = asyncio.get_running_loop()

    def send(self, notice: BudgetNotice) -> None:
        """Send a notice; for any thread."""
        if self._forwarder is None or self._loop is None:
            return
        message = message_of(notice, self._new_id())
        try:
            self._loop.call_soon_threadsafe(_forward, self._forwarder, message)
        except RuntimeError:  # the loop has ended, and the process will
            _log_loss()


class MessageMetrics:
    """Counter of this process."""

    def __init__(self, metrics: Metrics) -> None:
        self._messages = Counter(
            "halo_gateway_budget_messages",
            "Messages about budgets by outcome at the receiver",
            ("outcome",),
            registry=None,
        )
        metrics.register(self._messages)

    def count_forwarded(self, receiver: str, outcome: str, count: int = 1) -> None:
        """Count what became of messages at the receiver."""
        del receiver
        self._messages.labels(outcome).inc(count)


def message_of(notice: BudgetNotice, message_id: str) -> Delivery:
    """Return the message of a notice; repetitions of it have the same id."""
    status = notice.status
    data = {
        "app": status.key.app,
        "budget": status.key.budget,
        "period": status.key.period,
        "threshold": notice.percent,
        "used": status.used,
        "limit": status.limit,
        "ratio": round(status.ratio, 4),
        "hard": status.is_hard,
        "resets_at": status.resets_at.isoformat(),
    }
    body = msgspec.json.encode({"type": MESSAGE_TYPE, "data": data})
    return Delivery(body, (("content-type", "application/json"), (ID_HEADER, message_id)))


def budget_messages(settings: BudgetWebhook, metrics: Metrics, exit_stack: AsyncExitStack) -> BudgetMessages:
    """Messages to the receiver of the settings; `exit_stack` delivers those that wait and ends them."""
    if settings.url is None or settings.secret is None:
        return BudgetMessages()
    forwarder = Forwarder(
        RECEIVER,
        str(settings.url),
        partial(standard_signature, settings.secret.get_secret_value()),
        receiver_transport(),
        MessageMetrics(metrics),
        clock=time.time,
        jitter=random.random,
    )
    exit_stack.push_async_callback(forwarder.aclose)
    return BudgetMessages(forwarder)


def _forward(forwarder: Forwarder, message: Delivery) -> None:
    if forwarder.has_room(message):
        forwarder.forward(message)
    else:
        _log_loss()


def _log_loss() -> None:
    _log.error("webhooks-lost", receiver=RECEIVER, count=1)
