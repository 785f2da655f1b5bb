"""`POST /hooks/halo`: checks a webhook of Halo Connect, invalidates stored responses, and forwards it."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from http import HTTPStatus
from typing import NamedTuple

import structlog
from starlette.requests import Request
from starlette.responses import Response

from gateway.errors import catalog
from gateway.errors.failure import Failure
from gateway.http.headers import is_plain_value
from gateway.stores.base import Store
from gateway.stores.single_flight import SingleFlight
from gateway.web import request_checks
from gateway.web.errors import default_headers, internal_error, rejection_response
from gateway.web.request_notes import outcome_of
from gateway.webhooks.delivery import (
    MAX_BODY,
    REQUIRED_HEADERS,
    SIGNATURE_HEADER,
    TIMESTAMP_HEADER,
    Delivery,
    Notice,
    parse_notice,
)
from gateway.webhooks.forwarder import Forwarder
from gateway.webhooks.metrics import WebhookMetrics
from gateway.webhooks.signature import is_recent, is_signed

_log = structlog.get_logger()
#: Path of the endpoint.
HALO_WEBHOOK_PATH = "/hooks/halo"
#: Seconds for which a delivery is remembered: longer than Halo repeats one.
REMEMBERED_SECONDS = 86_400.0
#: Seconds for all effects: Halo waits 5 for the answer.
_EFFECT_SECONDS = 4.0
#: Effects that may continue after Halo has disconnected.
_MAX_DETACHED = 100
_CHALLENGE = ("www-authenticate", 'HMAC-SHA256 realm="hooks"')
_QUEUE_FULL_TEXT = (
    "Too many webhooks wait for a receiver. This one was not accepted. Send it again after the time in"
    " Retry-After."
)

#: Invalidates what a notice says has changed; returns the site's name, and the types.
Invalidate = Callable[[Notice], Awaitable[tuple[str, Sequence[str]]]]


class SignaturePolicy(NamedTuple):
    """Secrets that may have signed a webhook, maximum age in seconds, and a clock in seconds since 1970."""

    secrets: Sequence[str]
    max_age: float
    clock: Callable[[], float]

    def accepts(self, delivery: Delivery) -> bool:
        """Whether Halo has signed a delivery, at the present time."""
        fields = dict(delivery.headers)
        timestamp, signature = fields[TIMESTAMP_HEADER], fields[SIGNATURE_HEADER]
        is_genuine = is_signed(self.secrets, delivery.body, timestamp, signature)
        return is_genuine and is_recent(timestamp, self.clock(), self.max_age)


class WebhookReceiver:
    """Endpoint of Halo's webhooks.

    A delivery is remembered in the store once its effects are done, so that none is lost if the process ends
    in between, and a repetition has no effect.
    """

    def __init__(
        self,
        policy: SignaturePolicy,
        store: Store,
        invalidate: Invalidate,
        forwarders: Sequence[Forwarder],
        metrics: WebhookMetrics,
    ) -> None:
        self._policy = policy
        self._store = store
        self._invalidate = invalidate
        self._forwarders = forwarders
        self._metrics = metrics
        self._running_effects = SingleFlight[str](_MAX_DETACHED)

    async def respond(self, request: Request) -> Response:
        """Return 204 once the effects are done, 4xx if it is not Halo's, 503 if it must come again."""
        try:
            outcome = await self._receive(request)
        except Failure as failure:
            return self._reject(failure, request)
        except Exception as error:  # noqa: BLE001 - a bug must become a response, so that Halo repeats
            return self._reject(internal_error(error), request)
        self._metrics.count_received(outcome)
        return Response(status_code=HTTPStatus.NO_CONTENT, headers=default_headers(request))

    async def _receive(self, request: Request) -> str:
        """Check a webhook, and return its outcome after its effects. Raises Failure."""
        body = await request_checks.read_body(request, MAX_BODY)
        delivery = Delivery(body, _delivery_headers(request))
        if not self._policy.accepts(delivery):
            raise _refusal()
        notice = parse_notice(body)
        effects = partial(self._apply, notice, delivery)
        try:
            async with asyncio.timeout(_EFFECT_SECONDS):
                outcome, is_shared = await self._running_effects.run(notice.key, effects, lambda: None)
        except TimeoutError:
            raise Failure(catalog.GATEWAY_OVERLOADED) from None
        return "repeated" if is_shared else outcome

    async def _apply(self, notice: Notice, delivery: Delivery) -> str:
        """Invalidate and forward, unless both are done. Raises Failure 503 if a receiver's queue is full."""
        name = f"webhook/{notice.key}"
        if await self._store.get(name) is not None:
            return "repeated"
        site, types = await self._invalidate(notice)
        if not all(forwarder.has_room(delivery) for forwarder in self._forwarders):
            raise Failure(catalog.GATEWAY_OVERLOADED, text=_QUEUE_FULL_TEXT)
        for forwarder in self._forwarders:
            forwarder.forward(delivery)
        await self._store.set(name, b"1", REMEMBERED_SECONDS)
        _log.info("webhook", site=site, types=sorted(types), receivers=len(self._forwarders))
        return "accepted" if site else "unknown-site"

    def _reject(self, failure: Failure, request: Request) -> Response:
        self._metrics.count_received(outcome_of(request.scope, failure.kind))
        return rejection_response(failure, request)


def _delivery_headers(request: Request) -> tuple[tuple[str, str], ...]:
    """Halo's header fields, and the media type of the body. Raises Failure 401 unless each is there once."""
    fields = tuple((name, request.headers.getlist(name)) for name in REQUIRED_HEADERS)
    if any(len(values) != 1 or not values[0] or not is_plain_value(values[0]) for _, values in fields):
        raise _refusal()
    media_type = request.headers.get("content-type", "application/json")
    content_type = media_type if is_plain_value(media_type) else "application/json"
    return (("content-type", content_type), *((name, values[0]) for name, values in fields))


def _refusal() -> Failure:
    """Return a 401 that says no more than that the webhook is not Halo's."""
    return Failure(catalog.WEBHOOK_REFUSED, headers=(_CHALLENGE,))
