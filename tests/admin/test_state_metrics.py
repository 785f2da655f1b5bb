"""Metrics of sites, keys, store and cache."""

import asyncio
from typing import Any

import pytest
from structlog.testing import capture_logs
from support.requests import GUID, SITE
from support.site_status import KEY, OFFLINE, QUIET, QUOTA_EXHAUSTED, RATE_LIMITED, FaultyUpstream

from gateway.admin.site_status import SiteStatusReader
from gateway.admin.state_metrics import (
    Metric,
    cache_families,
    read_site_states,
    site_families,
    store_families,
)
from gateway.settings.resolve import ConfiguredSites
from gateway.sites.issue_states import STATE_NAMES, Observation
from gateway.stores.base import StoreStats

pytestmark = pytest.mark.anyio


def samples(families: list[Metric]) -> dict[tuple[Any, ...], float]:
    """Values by name, without its prefix, and label values."""
    return {
        (sample.name.removeprefix("halo_gateway_"), *sample.labels.values()): sample.value
        for family in families
        for sample in family.samples
    }


async def site_samples(status_reader: SiteStatusReader) -> dict[tuple[Any, ...], float]:
    return samples(site_families(status_reader, await read_site_states(status_reader), {"diary"}))


async def test_metrics_are_zero_without_failures() -> None:
    values = await site_samples(FaultyUpstream().status_reader)
    for name in ("circuit_open", "upstream_requests_in_flight", "bulkhead_queue_length"):
        assert (values[name, "harbour"], values[name, QUIET]) == (0, 0)
    assert (values["active_pauses", "quota"], values["active_pauses", "holiday"]) == (0, 0)


async def test_sites_are_counted_by_known_issue_and_state() -> None:
    halo = FaultyUpstream()
    await halo.issue_states.observe(GUID, [Observation("link-base-url", "", "broken")])
    values = await site_samples(halo.status_reader)
    counts = {state: values["known_issue_sites", "link-base-url", state] for state in STATE_NAMES}
    assert counts == {"broken": 1, "right": 0, "unknown": 1}
    assert values["known_issue_sites", "sql-parameter-conversion", "unknown"] == 2


async def test_failures_are_in_metrics_by_alias_rule_and_reason() -> None:
    halo = FaultyUpstream()
    with capture_logs():
        await halo.fail_once(OFFLINE)
        await halo.fail_once(RATE_LIMITED, retry_after=90, guid=QUIET)
        await halo.fail_once(QUOTA_EXHAUSTED, guid=QUIET)
        await halo.send(key="another-synthetic-key", guid=QUIET)
    values = await site_samples(halo.status_reader)
    assert values["circuit_open", "harbour"] == 1
    assert 200 < values["circuit_open_remaining_seconds", "harbour", "practice-offline"] <= 600
    assert values["circuit_open", QUIET] == 0
    assert values["retries_last_hour", "harbour"] + values["retry_budget_remaining", "harbour"] == 3
    assert 80 < values["rate_limit_blocked_seconds", "diary"] <= 90
    assert values["rate_limit_requests_per_second", "diary"] > 0
    assert values["rate_limit_blocked_seconds", "others"] == 0
    assert not [name for name in values if KEY[1] in str(name) or GUID in str(name)]


async def test_half_open_circuit_is_not_open() -> None:
    halo = FaultyUpstream(circuit_breaker={"initial_open_seconds": 0.01, "max_open_seconds": 0.01})
    with capture_logs():
        await halo.fail_once(OFFLINE)
    await asyncio.sleep(0.02)
    values = await site_samples(halo.status_reader)
    assert values["circuit_open", "harbour"] == 0
    assert values["circuit_open_remaining_seconds", "harbour", "practice-offline"] == 0


async def test_callers_without_alias_and_sites_of_one_name_are_joined() -> None:
    halo = FaultyUpstream()
    with capture_logs():
        for key in ("one-synthetic-key", "two-synthetic-key"):
            await halo.send(key=key)
    values = await site_samples(SiteStatusReader([halo.handlers], {GUID, GUID[:-1] + "c"}, lambda _: SITE))
    assert [name for name in values if name[0] == "rate_limit_queue_length"] == [
        ("rate_limit_queue_length", "others")
    ]
    assert [name for name in values if name[0] == "bulkhead_queue_length"] == [
        ("bulkhead_queue_length", SITE.name)
    ]


def test_store_metrics_contain_the_reported_values() -> None:
    assert samples(store_families(StoreStats("embedded", 3, 900, 1_000, 2), 0, is_down=False)) == {
        ("cache_entries",): 3,
        ("cache_bytes",): 900,
        ("cache_max_bytes",): 1_000,
        ("shared_store_down",): 0,
        ("cache_evictions_total",): 2,
        ("shared_store_outages_total",): 0,
    }
    down = samples(store_families(StoreStats("redis"), 4, is_down=True))
    assert ("cache_entries",) not in down
    assert (down["shared_store_down",], down["shared_store_outages_total",]) == (1, 4)


def test_cache_requests_are_counted_by_type_and_outcome() -> None:
    assert samples(cache_families({("Patient", "hit"): 2}, 3)) == {
        ("cache_requests_total", "Patient", "hit"): 2,
        ("cache_fetches_in_flight",): 3,
    }


async def test_sites_without_a_name_share_one_series() -> None:
    halo = FaultyUpstream()
    strangers = [f"{number:08x}-0000-4000-8000-00000000000c" for number in range(20)]
    with capture_logs():
        for guid in strangers:
            await halo.fail_once(OFFLINE, guid=guid)
    sites = ConfiguredSites(halo.settings)
    reader = SiteStatusReader([halo.handlers], {GUID, QUIET}, sites, {GUID, QUIET}.__contains__)
    values = await site_samples(reader)
    assert {labels[1] for labels in values if labels[0] == "circuit_open"} == {
        "harbour",
        QUIET,
        "unproved",
    }
