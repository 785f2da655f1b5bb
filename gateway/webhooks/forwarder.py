"""Forwarding of webhooks to one receiver: a bounded queue in memory, with retries."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol

import httpx
import structlog

from gateway.webhooks.delivery import Delivery
from gateway.webhooks.forward_policy import ATTEMPT_SECONDS, MAX_ATTEMPTS, verdict_of, wait_seconds

_log = structlog.get_logger()
#: Maximum numbers of webhooks that are not delivered yet, of bytes of their bodies, and of those being sent.
MAX_WAITING, MAX_WAITING_BYTES, MAX_SENDING = 1_000, 8_000_000, 4
#: Seconds in which a process that ends tries to deliver what waits; see `END_SECONDS`.
DRAIN_SECONDS = 2.0
#: Header fields of an attempt to deliver, by the time in seconds since 1970.
Sign = Callable[[Delivery, float], Sequence[tuple[str, str]]]
_FIXED_HEADERS = (("user-agent", "halo-gateway"), ("via", "1.1 halo-gateway"))


class OutcomeCounter(Protocol):
    """Counts what became of webhooks at a receiver; see `webhooks/metrics.py`."""

    def count_forwarded(self, receiver: str, outcome: str, count: int = 1) -> None:
        """Count webhooks by their outcome."""
        ...


class Forwarder:
    """Forwards webhooks to one receiver, each until it is delivered, refused, or tried often enough.

    They are sent in the order of their arrival, but a later one does not wait for one that failed.
    `clock` returns seconds since 1970, `jitter` a random number from 0 to 1. `drain_seconds`: how long a
    process that ends waits. `sign` returns the header fields of one attempt at a time.
    """

    def __init__(  # noqa: PLR0913 - its collaborators, each once
        self,
        name: str,
        url: str,
        sign: Sign,
        transport: httpx.AsyncBaseTransport,
        metrics: OutcomeCounter,
        *,
        clock: Callable[[], float],
        jitter: Callable[[], float],
        wait_seconds: Callable[[int, float], float] = wait_seconds,
        drain_seconds: float = DRAIN_SECONDS,
    ) -> None:
        self._name = name
        self._url = url
        self._sign = sign
        self._transport = transport
        self._metrics = metrics
        self._clock = clock
        self._jitter = jitter
        self._wait_seconds = wait_seconds
        self._drain_seconds = drain_seconds
        self._waiting_bytes = self._lost = 0
        self._tasks: dict[asyncio.Task[None], int] = {}
        self._sending = asyncio.Semaphore(MAX_SENDING)
        self._is_closing = asyncio.Event()

    def has_room(self, delivery: Delivery) -> bool:
        """Whether one more webhook can wait."""
        has_bytes = self._waiting_bytes + len(delivery.body) <= MAX_WAITING_BYTES
        return len(self._tasks) < MAX_WAITING and has_bytes and not self._is_closing.is_set()

    def forward(self, delivery: Delivery) -> None:
        """Deliver a webhook in the background."""
        task = asyncio.get_running_loop().create_task(self._deliver(delivery))
        self._tasks[task] = len(delivery.body)
        self._waiting_bytes += len(delivery.body)
        task.add_done_callback(self._forget)

    async def aclose(self) -> None:
        """Try once more to deliver what waits, then give up and log the number of the others."""
        self._is_closing.set()
        if self._tasks:
            await asyncio.wait(tuple(self._tasks), timeout=self._drain_seconds)
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        lost = self._lost + len(tasks)
        if lost:
            self._metrics.count_forwarded(self._name, "lost", lost)
            _log.error("webhooks-lost", receiver=self._name, count=lost)
        await self._transport.aclose()

    def _forget(self, task: "asyncio.Task[None]") -> None:
        self._waiting_bytes -= self._tasks.pop(task)

    async def _deliver(self, delivery: Delivery) -> None:
        for attempt in range(1, MAX_ATTEMPTS + 1):
            status = await self._send(delivery)
            verdict = verdict_of(status)
            if verdict == "delivered":
                self._metrics.count_forwarded(self._name, verdict)
                return
            if verdict == "refused" or attempt == MAX_ATTEMPTS:
                self._give_up(verdict, status, attempt)
                return
            if self._is_closing.is_set():
                self._lost += 1
                return
            await self._wait(self._wait_seconds(attempt, self._jitter()))

    def _give_up(self, verdict: str, status: int | None, attempts: int) -> None:
        outcome = "refused" if verdict == "refused" else "failed"
        self._metrics.count_forwarded(self._name, outcome)
        _log.error("webhook-not-forwarded", receiver=self._name, status=status or 0, attempts=attempts)

    async def _send(self, delivery: Delivery) -> int | None:
        """Send a webhook once, and return the receiver's status; None if there was no response."""
        async with self._sending:
            signature = self._sign(delivery, self._clock())
            headers = [*delivery.headers, *signature, *_FIXED_HEADERS]
            request = httpx.Request("POST", self._url, headers=headers, content=delivery.body)
            try:
                response = await self._transport.handle_async_request(request)
            except (httpx.HTTPError, OSError):
                return None
            return response.status_code

    async def _wait(self, seconds: float) -> None:
        """Wait, but no longer than until the process ends."""
        try:
            async with asyncio.timeout(seconds):
                await self._is_closing.wait()
        except TimeoutError:
            return


def receiver_transport() -> httpx.AsyncBaseTransport:
    """Return connections to one receiver, with the limits of an attempt; only the status counts."""
    from gateway.upstreams.transport import PooledTransport  # the import of aiohttp takes 0.1 s

    return PooledTransport(
        limits=httpx.Limits(max_connections=MAX_SENDING, keepalive_expiry=20.0),
        timeout=httpx.Timeout(ATTEMPT_SECONDS),
        max_body=None,
        total_timeout=ATTEMPT_SECONDS,
    )


async def close_all(forwarders: Sequence[Forwarder]) -> None:
    """Close several forwarders at a time."""
    await asyncio.gather(*(forwarder.aclose() for forwarder in forwarders))
