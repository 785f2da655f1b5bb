"""Sums of metrics of several processes."""

import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from gateway.telemetry.metric_sums import counters_of, summed_page, with_missing_workers


def page_of(amount: float) -> bytes:
    registry = CollectorRegistry()
    Counter("requests", "Requests", ["site"], registry=registry).labels('a "b" c').inc(amount)
    Histogram("duration_seconds", "Duration", registry=registry, buckets=(1, 5)).observe(amount)
    for name in ("cache_bytes", "circuit_open", "cap_used_ratio", "retry_budget_remaining"):
        Gauge(name, "A gauge", registry=registry).set(amount)
    return generate_latest(registry)


def samples(page: bytes) -> dict[str, float]:
    return {
        sample.name + "".join(f" {value}" for value in sample.labels.values()): sample.value
        for family in text_string_to_metric_families(page.decode())
        for sample in family.samples
        if not sample.name.endswith("_created")
    }


def test_counters_and_histograms_are_summed() -> None:
    total = samples(summed_page([page_of(2), page_of(4), page_of(0.5)]))
    assert total['requests_total a "b" c'] == 6.5
    assert total["duration_seconds_sum"] == 6.5
    assert [total[f"duration_seconds_bucket {bound}"] for bound in ("1.0", "5.0", "+Inf")] == [1, 3, 3]


@pytest.mark.parametrize(
    ("name", "value"),
    [("cache_bytes", 6), ("circuit_open", 4), ("cap_used_ratio", 4), ("retry_budget_remaining", 2)],
)
def test_gauge_has_a_rule(name: str, value: float) -> None:
    assert samples(summed_page([page_of(2), page_of(4)]))[name] == value


def test_open_files_are_those_of_the_worker_with_most() -> None:
    page = b"# TYPE %b gauge\n%b %d.0\n"
    pages = [
        page % (b"process_open_fds", b"process_open_fds", count)
        + page % (b"process_max_fds", b"process_max_fds", 256)
        for count in (75, 76, 74, 75)
    ]
    assert samples(summed_page(pages)) == {"process_open_fds": 76, "process_max_fds": 256}


def test_figures_of_a_shared_store_are_no_sum() -> None:
    assert samples(summed_page([page_of(4), page_of(4)], has_shared_store=True))["cache_bytes"] == 4


def test_sum_has_each_family_once_with_its_comments() -> None:
    page = summed_page([page_of(1), page_of(2)])
    assert page.count(b"# TYPE requests_total counter\n") == page.count(b"# HELP requests_total ") == 1
    assert [line for line in page.splitlines() if line.startswith(b"#")] == [
        line for line in page_of(1).splitlines() if line.startswith(b"#")
    ]


def test_samples_of_one_page_alone_are_kept() -> None:
    only = b"# HELP a_total A\n# TYPE a_total counter\na_total 3.0\n"
    assert b"\na_total 3.0\n" in summed_page([page_of(1), only])


def test_page_of_one_worker_is_unchanged() -> None:
    assert samples(summed_page([page_of(3)])) == samples(page_of(3))


def test_gauges_of_an_ended_worker_do_not_count() -> None:
    kept = samples(counters_of(page_of(3)))
    assert kept['requests_total a "b" c'] == 3
    assert kept["duration_seconds_count"] == 1
    assert "cache_bytes" not in kept
    assert counters_of(b"") == b""


def test_page_says_how_many_workers_it_lacks() -> None:
    page = with_missing_workers(summed_page([page_of(3)]), 2)
    assert samples(page) == {**samples(page_of(3)), "halo_gateway_workers_missing": 2}
