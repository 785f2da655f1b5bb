"""Route of Halo's webhooks, built from the settings."""

import random
import re
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from functools import partial

from starlette.routing import Route

from gateway.cache.invalidation import InvalidationCounters
from gateway.exchange import Site
from gateway.http.request_path import GUID_PATTERN
from gateway.settings import Settings
from gateway.settings.resolve import site_settings_lookup
from gateway.settings.webhooks import Receiver
from gateway.stores.base import Store
from gateway.telemetry.metrics import Metrics
from gateway.webhooks.delivery import Notice, invalidated_types
from gateway.webhooks.forward_policy import own_signature
from gateway.webhooks.forwarder import Forwarder, close_all, receiver_transport
from gateway.webhooks.metrics import WebhookMetrics
from gateway.webhooks.receiver import HALO_WEBHOOK_PATH, Invalidate, SignaturePolicy, WebhookReceiver

_GUID = re.compile(GUID_PATTERN)


def webhook_routes(
    settings: Settings,
    store: Store,
    counters: InvalidationCounters,
    find_site: Callable[[str], Site | None],
    metrics: Metrics,
    exit_stack: AsyncExitStack,
) -> list[Route]:
    """Return the route; none without a secret. `exit_stack` ends the forwarding."""
    hooks = settings.webhooks
    if not hooks.secrets:
        return []
    own_metrics = WebhookMetrics(metrics)
    forwarders = [_forwarder(name, receiver, own_metrics) for name, receiver in hooks.receivers.items()]
    exit_stack.push_async_callback(close_all, forwarders)
    secrets = [secret.get_secret_value() for secret in hooks.secrets]
    receiver = WebhookReceiver(
        SignaturePolicy(secrets, hooks.max_age_seconds, time.time),
        store,
        invalidation_of(settings, counters, find_site),
        forwarders,
        own_metrics,
    )
    return [Route(HALO_WEBHOOK_PATH, receiver.respond, methods=["POST"])]


def invalidation_of(
    settings: Settings, counters: InvalidationCounters, find_site: Callable[[str], Site | None]
) -> Invalidate:
    """Return the function that invalidates what a notice's site is configured for; nothing at other sites."""
    settings_of = site_settings_lookup(settings)

    async def invalidate(notice: Notice) -> tuple[str, Sequence[str]]:
        site = find_site(notice.guid) if _GUID.fullmatch(notice.guid) else None
        if site is None:
            return "", ()
        types = invalidated_types(notice, settings_of(site.guid).webhooks.invalidates)
        if types:
            await counters.increment(site.guid, types)
        return site.name, types

    return invalidate


def _forwarder(name: str, receiver: Receiver, metrics: WebhookMetrics) -> Forwarder:
    secret = receiver.secret.get_secret_value() if receiver.secret else ""
    return Forwarder(
        name,
        str(receiver.url),
        partial(own_signature, secret),
        receiver_transport(),
        metrics,
        clock=time.time,
        jitter=random.random,
    )
