"""Counts of spans by what became of them, as a metric."""

from collections.abc import Iterator
from threading import Lock

from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector


class SpanCounts(Collector):
    """Numbers of spans that were exported, failed (the endpoint did not accept them) or were dropped."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._has_ended = False
        self.waiting = self.sending = self.exported = self.failed = self.dropped = 0

    def note_taken(self, max_waiting: int) -> None:
        """Count a span that waits, in the place of another if too many wait."""
        with self._lock:
            is_full = self.waiting >= max_waiting
            self.dropped += is_full
            self.waiting += not is_full

    def note_sending(self, count: int) -> None:
        """Count spans that no longer wait: others may take their places."""
        with self._lock:
            self.waiting, self.sending = max(0, self.waiting - count), count

    def note_export(self, count: int, *, has_failed: bool) -> bool:
        """Count the outcome of the spans that were sent; return False if they already count as dropped."""
        with self._lock:
            if self._has_ended:
                return False
            self.sending = 0
            self.failed += count if has_failed else 0
            self.exported += 0 if has_failed else count
            return True

    def note_end(self) -> int:
        """Count the spans that still wait, or whose export has not ended, as dropped; return their number."""
        with self._lock:
            self._has_ended = True
            lost = self.waiting + self.sending
            self.dropped += lost
            self.waiting = self.sending = 0
        return lost

    def collect(self) -> Iterator[CounterMetricFamily]:
        """Yield the counts."""
        spans = CounterMetricFamily(
            "halo_gateway_trace_spans",
            "Spans by outcome: exported, failed (not accepted by the endpoint), dropped (too many waited)",
            labels=("outcome",),
        )
        for outcome, count in (
            ("exported", self.exported),
            ("failed", self.failed),
            ("dropped", self.dropped),
        ):
            spans.add_metric((outcome,), count)
        yield spans
