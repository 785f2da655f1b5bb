"""Metrics of webhooks: deliveries by outcome, and what became of them at each receiver."""

from prometheus_client import Counter

from gateway.telemetry.metrics import Metrics


class WebhookMetrics:
    """Counters of this process."""

    def __init__(self, metrics: Metrics) -> None:
        self._received = Counter(
            "halo_gateway_webhooks", "Webhooks of Halo by outcome", ("outcome",), registry=None
        )
        self._forwarded = Counter(
            "halo_gateway_webhooks_forwarded",
            "Webhooks by receiver and outcome",
            ("receiver", "outcome"),
            registry=None,
        )
        for counter in (self._received, self._forwarded):
            metrics.register(counter)

    def count_received(self, outcome: str) -> None:
        """Count a webhook by its outcome."""
        self._received.labels(outcome).inc()

    def count_forwarded(self, receiver: str, outcome: str, count: int = 1) -> None:
        """Count what became of webhooks at a receiver."""
        self._forwarded.labels(receiver, outcome).inc(count)
