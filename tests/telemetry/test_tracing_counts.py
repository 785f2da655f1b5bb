"""Counts of spans by outcome."""

from gateway.telemetry.tracing_counts import SpanCounts


def outcomes(counts: SpanCounts) -> dict[str, float]:
    (family,) = counts.collect()
    assert family.name == "halo_gateway_trace_spans"
    return {sample.labels["outcome"]: sample.value for sample in family.samples}


def test_each_span_is_counted_once() -> None:
    counts = SpanCounts()
    for _ in range(5):
        counts.note_taken(3)
    assert outcomes(counts) == {"exported": 0, "failed": 0, "dropped": 2}
    counts.note_sending(2)
    counts.note_taken(3)  # in the place of one that is sent
    counts.note_export(2, has_failed=False)
    assert outcomes(counts) == {"exported": 2, "failed": 0, "dropped": 2}
    counts.note_sending(1)
    counts.note_export(1, has_failed=True)
    counts.note_sending(1)
    counts.note_end()
    assert outcomes(counts) == {"exported": 2, "failed": 1, "dropped": 3}
    assert counts.waiting == counts.sending == 0
