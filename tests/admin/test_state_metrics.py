import asyncio
from typing import Any

from structlog.testing import capture_logs
from support.requests import GUID
from support.site_status import KEY, OFFLINE, QUIET, QUOTA_EXHAUSTED, RATE_LIMITED, Watched

from gateway.admin.site_status import SiteStatusReader
from gateway.admin.state_metrics import Metric, cache_families, site_families, store_families
from gateway.stores.base import StoreStats


def samples(families: list[Metric]) -> dict[tuple[Any, ...], float]:
    """Values by name, without its prefix, and label values."""
    return {
        (each.name.removeprefix("halo_gateway_"), *each.labels.values()): each.value
        for family in families
        for each in family.samples
    }


def shown(watched: Watched) -> dict[tuple[Any, ...], float]:
    return samples(asyncio.run(site_families(watched.states, {"diary"})))


def test_what_is_well_is_shown_as_zero_so_that_alarms_can_end() -> None:
    found = shown(Watched())
    for name in ("circuit_open", "upstream_requests_in_flight", "bulkhead_queue_length"):
        assert (found[name, "harbour"], found[name, QUIET[:8]]) == (0, 0)
    assert (found["active_pauses", "quota"], found["active_pauses", "holiday"]) == (0, 0)


def test_trouble_is_shown_by_alias_rule_and_reason() -> None:
    async def scene() -> dict[tuple[Any, ...], float]:
        watched = Watched()
        with capture_logs():
            await watched.trouble(OFFLINE)
            await watched.trouble(RATE_LIMITED, retry_after=90, guid=QUIET)
            await watched.trouble(QUOTA_EXHAUSTED, guid=QUIET)
            await watched.ask(key="another-synthetic-key", guid=QUIET)
        return samples(await site_families(watched.states, {"diary"}))

    found = asyncio.run(scene())
    assert found["circuit_open", "harbour"] == 1
    assert 200 < found["circuit_open_remaining_seconds", "harbour", "practice-offline"] <= 600
    assert found["circuit_open", QUIET[:8]] == 0
    assert found["retries_last_hour", "harbour"] + found["retry_budget_remaining", "harbour"] == 3
    assert 80 < found["rate_limit_blocked_seconds", "diary"] <= 90
    assert found["rate_limit_requests_per_second", "diary"] > 0
    assert found["rate_limit_blocked_seconds", "others"] == 0
    assert not [name for name in found if KEY[1] in str(name) or GUID in str(name)]


def test_callers_without_an_alias_and_practices_of_one_name_share_a_line() -> None:
    async def scene() -> dict[tuple[Any, ...], float]:
        watched = Watched()
        with capture_logs():
            for key in ("one-synthetic-key", "two-synthetic-key"):
                await watched.ask(key=key)
        states = SiteStatusReader([watched.handlers], {GUID, GUID[:-1] + "c"})
        return samples(await site_families(states, {"diary"}))

    found = asyncio.run(scene())
    assert [name for name in found if name[0] == "rate_limit_queue_length"] == [
        ("rate_limit_queue_length", "others")
    ]
    assert [name for name in found if name[0] == "bulkhead_queue_length"] == [
        ("bulkhead_queue_length", GUID[:8])
    ]


def test_the_store_is_shown_as_far_as_it_says() -> None:
    assert samples(store_families(StoreStats("embedded", 3, 900, 1_000, 2), 0, is_down=False)) == {
        ("cache_entries",): 3,
        ("cache_bytes",): 900,
        ("cache_max_bytes",): 1_000,
        ("shared_store_down",): 0,
        ("cache_evictions_total",): 2,
        ("shared_store_outages_total",): 0,
    }
    away = samples(store_families(StoreStats("redis"), 4, is_down=True))
    assert ("cache_entries",) not in away
    assert (away["shared_store_down",], away["shared_store_outages_total",]) == (1, 4)


def test_the_cache_is_shown_by_type_and_outcome() -> None:
    assert samples(cache_families({("Patient", "hit"): 2}, 3)) == {
        ("cache_requests_total", "Patient", "hit"): 2,
        ("cache_fetches_in_flight",): 3,
    }
