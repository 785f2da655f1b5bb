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
    for name in ("site_resting", "site_exchanges", "site_queue"):
        assert (found[name, "harbour"], found[name, QUIET[:8]]) == (0, 0)
    assert (found["pauses", "quota"], found["pauses", "holiday"]) == (0, 0)


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
    assert found["site_resting", "harbour"] == 1
    assert 200 < found["site_rest_seconds_left", "harbour", "practice-offline"] <= 600
    assert found["site_resting", QUIET[:8]] == 0
    assert found["site_retries", "harbour"] + found["site_retries_left", "harbour"] == 3
    assert 80 < found["key_blocked_seconds", "diary"] <= 90
    assert found["key_rate", "diary"] > 0
    assert found["key_blocked_seconds", "others"] == 0
    assert not [name for name in found if KEY[1] in str(name) or GUID in str(name)]


def test_callers_without_an_alias_and_practices_of_one_name_share_a_line() -> None:
    async def scene() -> dict[tuple[Any, ...], float]:
        watched = Watched()
        with capture_logs():
            for key in ("one-synthetic-key", "two-synthetic-key"):
                await watched.ask(key=key)
        states = SiteStatusReader(watched.resilience.upstream_handlers, {GUID, GUID[:-1] + "c"})
        return samples(await site_families(states, {"diary"}))

    found = asyncio.run(scene())
    assert [name for name in found if name[0] == "key_queue"] == [("key_queue", "others")]
    assert [name for name in found if name[0] == "site_queue"] == [("site_queue", GUID[:8])]


def test_the_store_is_shown_as_far_as_it_says() -> None:
    assert samples(store_families(StoreStats("embedded", 3, 900, 1_000, 2), 0, is_down=False)) == {
        ("cache_entries",): 3,
        ("cache_bytes",): 900,
        ("cache_max_bytes",): 1_000,
        ("store_away",): 0,
        ("cache_evictions_total",): 2,
        ("store_absences_total",): 0,
    }
    away = samples(store_families(StoreStats("redis"), 4, is_down=True))
    assert ("cache_entries",) not in away
    assert (away["store_away",], away["store_absences_total",]) == (1, 4)


def test_the_cache_is_shown_by_type_and_outcome() -> None:
    assert samples(cache_families({("Patient", "hit"): 2}, 3)) == {
        ("cache_requests_total", "Patient", "hit"): 2,
        ("cache_flights",): 3,
    }
