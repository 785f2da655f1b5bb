"""Metrics of webhooks."""

import pytest
from support.asgi import asgi_request

from gateway.telemetry.metrics import Metrics
from gateway.webhooks.metrics import WebhookMetrics


@pytest.mark.anyio
async def test_webhooks_are_counted_by_outcome_and_receiver() -> None:
    metrics = Metrics()
    counters = WebhookMetrics(metrics)
    counters.count_received("accepted")
    counters.count_received("accepted")
    counters.count_forwarded("billing", "delivered")
    counters.count_forwarded("billing", "lost", 3)
    text = bytes((await metrics.endpoint(asgi_request("/metrics"))).body).decode()
    assert 'halo_gateway_webhooks_total{outcome="accepted"} 2.0' in text
    assert 'halo_gateway_webhooks_forwarded_total{outcome="delivered",receiver="billing"} 1.0' in text
    assert 'halo_gateway_webhooks_forwarded_total{outcome="lost",receiver="billing"} 3.0' in text
