"""The endpoint of Halo's webhooks."""

import asyncio
import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest
from starlette.responses import Response
from structlog.testing import capture_logs
from support.asgi import asgi_request

from gateway.stores.memory import MemoryStore
from gateway.telemetry.metrics import Metrics
from gateway.webhooks.delivery import MAX_BODY, Delivery, Notice
from gateway.webhooks.forwarder import Forwarder
from gateway.webhooks.metrics import WebhookMetrics
from gateway.webhooks.receiver import SignaturePolicy, WebhookReceiver
from gateway.webhooks.signature import signature_of

pytestmark = pytest.mark.anyio

NOW = 1_782_000_000.0
SECRET = "synthetic secret of Halo"  # noqa: S105 - a test's own
GUID = "0a1b2c3d-0000-4000-8000-00000000000a"
BODY = json.dumps({"id": "e-1", "siteId": GUID, "queryId": "q-1", "webhookSource": "registered"}).encode()


class Outcomes(WebhookMetrics):
    """Counts in a table."""

    def __init__(self) -> None:
        super().__init__(Metrics())
        self.counts = Counter[str]()

    def count_received(self, outcome: str) -> None:
        self.counts[outcome] += 1


class Queue(Forwarder):
    """Keeps what it gets."""

    def __init__(self, room: int = 1_000) -> None:
        self.room = room
        self.deliveries: list[Delivery] = []

    def has_room(self, delivery: Delivery) -> bool:
        del delivery
        return len(self.deliveries) < self.room

    def forward(self, delivery: Delivery) -> None:
        self.deliveries.append(delivery)


class Case:
    """A receiver whose effects are recorded; `broken` invalidations raise, `slow` ones take a time."""

    def __init__(
        self, *queues: Queue, store: MemoryStore | None = None, secrets: Sequence[str] = (SECRET,)
    ) -> None:
        self.notices: list[Notice] = []
        self.broken, self.slow, self.known = False, 0.0, True
        self.outcomes, self.queues = Outcomes(), queues
        policy = SignaturePolicy(secrets, 300, lambda: NOW)
        self.receiver = WebhookReceiver(
            policy, store or MemoryStore(), self._invalidate, queues, self.outcomes
        )

    async def _invalidate(self, notice: Notice) -> tuple[str, Sequence[str]]:
        await asyncio.sleep(self.slow)
        if self.broken:
            raise RuntimeError
        self.notices.append(notice)
        return ("harbour", ("Appointment",)) if self.known else ("", ())

    async def post(
        self, body: bytes = BODY, secret: str = SECRET, timestamp: str = "1782000000", **headers: Any
    ) -> Response:
        fields = {
            "content-type": "application/json; charset=utf-8",
            "x-halo-id": "h-1",
            "x-halo-timestamp": timestamp,
            "x-halo-signature-256": signature_of(secret, body, timestamp),
        } | {name.replace("_", "-"): value for name, value in headers.items()}
        present = {name: value for name, value in fields.items() if value is not None}
        return await self.receiver.respond(
            asgi_request("/hooks/halo", present, method="POST", pieces=(body[:10], body[10:]))
        )

    async def status(self, *arguments: Any, **options: Any) -> int:
        return (await self.post(*arguments, **options)).status_code


async def test_genuine_webhook_invalidates_and_is_forwarded() -> None:
    case = Case(Queue(), Queue())
    with capture_logs() as lines:
        response = await case.post()
    assert (response.status_code, response.body) == (204, b"")
    assert [(notice.guid, notice.queryId) for notice in case.notices] == [(GUID, "q-1")]
    for queue in case.queues:
        ((body, headers),) = queue.deliveries
        assert body == BODY
        assert dict(headers) == {
            "content-type": "application/json; charset=utf-8",
            "x-halo-id": "h-1",
            "x-halo-timestamp": "1782000000",
            "x-halo-signature-256": signature_of(SECRET, BODY, "1782000000"),
        }
    assert case.outcomes.counts == {"accepted": 1}
    assert lines == [
        {"event": "webhook", "log_level": "info", "site": "harbour", "types": ["Appointment"], "receivers": 2}
    ]


@pytest.mark.parametrize(
    "changes",
    [
        {"secret": "another synthetic secret"},
        {"x_halo_signature_256": None},
        {"x_halo_signature_256": ""},
        {"x_halo_signature_256": signature_of(SECRET, BODY, "1782000000").upper()},
        {"x_halo_timestamp": None},
        {"x_halo_timestamp": "1782000001"},
        {"x_halo_id": None},
        {"x_halo_id": "é"},
        {"timestamp": "1781999699"},
        {"timestamp": "1782000301"},
        {"timestamp": "soon"},
        {"timestamp": ""},
        {"body": b"", "x_halo_signature_256": "0" * 64},
    ],
    ids=str,
)
async def test_other_webhook_is_refused_without_effects(changes: dict[str, Any]) -> None:
    case = Case(Queue())
    with capture_logs():
        response = await case.post(**changes)
    assert (response.status_code, response.headers["www-authenticate"][:11]) == (401, "HMAC-SHA256")
    assert (case.notices, case.queues[0].deliveries) == ([], [])
    assert case.outcomes.counts == {"webhook-refused": 1}


async def test_refusals_do_not_say_what_is_wrong() -> None:
    case, bodies = Case(), set[bytes]()
    with capture_logs():
        for changes in ({"secret": "another one"}, {"timestamp": "1781999699"}, {"x_halo_id": None}):
            bodies.add(bytes((await case.post(**changes)).body))
    assert len(bodies) == 1


async def test_header_field_that_is_there_twice_is_refused() -> None:
    case, name = Case(), b"x-halo-timestamp"
    request = asgi_request("/hooks/halo", method="POST", pieces=(BODY,))
    signature = signature_of(SECRET, BODY, "1782000000").encode()
    request.scope["headers"] += [(b"x-halo-id", b"h"), (b"x-halo-signature-256", signature)]
    request.scope["headers"] += [(name, b"1782000000"), (name, b"1782000000")]
    with capture_logs():
        assert (await case.receiver.respond(request)).status_code == 401


async def test_malformed_body_is_told_apart_only_with_signature() -> None:
    case = Case(Queue())
    with capture_logs():
        assert await case.status(b'{"id": 1}') == 400
        assert await case.status(b'{"id": 1}', secret="another one") == 401  # noqa: S106 - a test's own
    assert (case.notices, case.queues[0].deliveries) == ([], [])


async def test_large_body_is_refused_while_it_is_read() -> None:
    case = Case()
    with capture_logs():
        assert await case.status(b"x" * (MAX_BODY + 1)) == 413
        assert await case.status(b"x" * MAX_BODY) == 400


async def test_second_secret_is_accepted() -> None:
    case = Case(secrets=("a new synthetic secret", SECRET))
    with capture_logs():
        assert await case.status() == 204


async def test_repetition_has_no_effect() -> None:
    case = Case(Queue())
    with capture_logs():
        for timestamp in ("1782000000", "1782000060"):
            assert await case.status(timestamp=timestamp) == 204
        assert await case.status(x_halo_id="made up by another sender") == 204
    assert len(case.notices) == len(case.queues[0].deliveries) == 1
    assert case.outcomes.counts == {"accepted": 1, "repeated": 2}


async def test_concurrent_repetitions_have_one_effect() -> None:
    case = Case(Queue())
    case.slow = 0.05
    with capture_logs():
        statuses = await asyncio.gather(*(case.status() for _ in range(10)))
    assert set(statuses) == {204}
    assert len(case.notices) == len(case.queues[0].deliveries) == 1
    assert case.outcomes.counts == {"accepted": 1, "repeated": 9}


async def test_webhook_counts_as_seen_only_after_its_effects() -> None:
    case = Case(Queue())
    case.broken = True
    with capture_logs():
        assert await case.status() == 500
        case.broken = False
        assert await case.status() == 204
    assert case.outcomes.counts == {"gateway-error": 1, "accepted": 1}
    assert len(case.queues[0].deliveries) == 1


async def test_full_queue_of_one_receiver_lets_halo_repeat() -> None:
    case = Case(Queue(), Queue(room=0))
    with capture_logs():
        response = await case.post()
        assert (response.status_code, response.headers["retry-after"]) == (503, "5")
        assert [queue.deliveries for queue in case.queues] == [[], []]
        case.queues[1].room = 1
        assert await case.status() == 204
    assert [len(queue.deliveries) for queue in case.queues] == [1, 1]
    assert len(case.notices) == 2


async def test_answer_comes_within_five_seconds() -> None:
    case = Case()
    case.slow = 30
    loop = asyncio.get_running_loop()
    started = loop.time()
    with capture_logs():
        assert await case.status() == 503
    assert loop.time() - started < 5


async def test_unknown_site_is_forwarded() -> None:
    case = Case(Queue())
    case.known = False
    with capture_logs() as lines:
        assert await case.status() == 204
    assert case.outcomes.counts == {"unknown-site": 1}
    assert len(case.queues[0].deliveries) == 1
    assert GUID not in str(lines)
