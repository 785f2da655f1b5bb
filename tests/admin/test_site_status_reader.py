"""Status of sites and keys, and their reset."""

import asyncio
from collections.abc import Iterator

import pytest
from structlog.testing import capture_logs
from support.requests import GUID
from support.site_status import (
    IP_BLOCKED,
    OFFLINE,
    QUIET,
    QUOTA_EXHAUSTED,
    RATE_LIMITED,
    STRANGE,
    FaultyUpstream,
)

from gateway.admin.site_status import SiteStatus

pytestmark = pytest.mark.anyio


async def site_status(halo: FaultyUpstream, guid: str = GUID) -> SiteStatus:
    (status,) = [site for site in await halo.status_reader.site_statuses() if site.guid == guid]
    return status


@pytest.fixture(autouse=True)
def captured_logs() -> Iterator[None]:
    with capture_logs():
        yield


async def test_configured_sites_are_closed() -> None:
    statuses = await FaultyUpstream().status_reader.site_statuses()
    assert [(site.guid, site.name, site.is_configured) for site in statuses] == [
        (GUID, "harbour", True),
        (QUIET, QUIET, True),
    ]
    assert {site.circuit.state(0) for site in statuses} == {"closed"}


async def test_failing_site_that_is_not_configured_is_open_with_reason() -> None:
    halo = FaultyUpstream()
    await halo.fail_once(OFFLINE, guid=STRANGE)
    status, now = await site_status(halo, STRANGE), halo.status_reader.now()
    assert not status.is_configured
    assert (status.circuit.state(now), status.circuit.reason) == ("open", "practice-offline")
    assert 200 < status.circuit.seconds_until_half_open(now) <= 600
    assert (await site_status(halo)).circuit.state(now) == "closed"
    assert len(await halo.status_reader.site_statuses(GUID)) == 1


async def test_retries_are_counted_per_site() -> None:
    halo = FaultyUpstream()
    await halo.fail_once(OFFLINE)
    usages = await halo.status_reader.retry_usage()
    assert list(usages) == [GUID]
    assert usages[GUID].retries + usages[GUID].retries_left == 3
    assert usages[GUID].retries > 0


async def test_reset_closes_circuit_and_clears_pauses_of_one_site() -> None:
    halo = FaultyUpstream()
    await halo.fail_once(OFFLINE, guid=QUIET)
    await halo.fail_once(QUOTA_EXHAUSTED)
    assert await halo.send() == "upstream-quota"
    (pause,) = await halo.status_reader.pauses()
    assert await halo.status_reader.reset_site(GUID) == [pause]
    assert await halo.send() == "200"
    assert await halo.send(guid=QUIET) == "practice-circuit-open"
    assert await halo.status_reader.reset_site(QUIET) == ["circuit"]
    assert await halo.send(guid=QUIET) == "200"
    assert await halo.status_reader.reset_site(QUIET) == []


async def test_reset_of_one_pause_leaves_others() -> None:
    halo = FaultyUpstream()
    await halo.fail_once(QUOTA_EXHAUSTED)
    await halo.fail_once(QUOTA_EXHAUSTED, guid=QUIET)
    name = next(name for name in await halo.status_reader.pauses() if GUID in name)
    assert await halo.status_reader.reset_site(GUID, name) == [name]
    assert (await halo.send(), await halo.send(guid=QUIET)) == ("200", "upstream-quota")
    assert await halo.status_reader.reset_site(GUID, name) == []


async def test_pause_of_all_callers_is_cleared_by_its_name() -> None:
    halo = FaultyUpstream()
    for key in ("a", "b"):
        await halo.send(key=key)
    for key in ("a", "b"):
        await halo.fail_once(IP_BLOCKED, key=key)
    (name,) = [name for name in await halo.status_reader.pauses() if name.startswith("gateway:")]
    assert (await site_status(halo)).pauses == {}
    assert await halo.status_reader.reset_site(GUID) == []
    assert await halo.send(key="c") == "requests-paused"
    assert await halo.status_reader.reset_site("", name) == [name]
    assert await halo.send(key="c") == "200"


async def test_block_of_a_key_can_be_cleared() -> None:
    halo = FaultyUpstream()
    await halo.fail_once(RATE_LIMITED, retry_after=86_400)
    ((name, pause),) = (await halo.status_reader.pauses()).items()
    assert (name.partition(":")[0], pause.code) == ("rate-limit", "rate-limited")
    assert await halo.send() == "rate-limited"
    assert await halo.status_reader.reset_site("", name) == [name]
    assert await halo.status_reader.reset_site("", name) == []
    assert await halo.send() == "200"


async def test_unknown_caller_is_unproved() -> None:
    reader = FaultyUpstream().status_reader
    assert reader.caller_name(f"{'0f' * 12}:Patient") == "unproved 0f0f0f0f"


async def test_key_has_its_alias_or_its_digits() -> None:
    halo = FaultyUpstream()
    await halo.fail_once(RATE_LIMITED, retry_after=90)
    await halo.send(key="another-synthetic-key")
    statuses = {status.caller: status for status in await halo.status_reader.key_statuses()}
    assert 80 < statuses["diary"].blocked_seconds <= 90
    assert statuses["diary"].requests_per_second is not None
    (other,) = statuses.keys() - {"diary"}
    assert len(other) == 8
    assert "another" not in other
    assert statuses[other].requests_per_second is None
    assert statuses["diary"].upstream == "halo.example"


async def test_page_size_estimate_has_the_resource_type() -> None:
    halo = FaultyUpstream()
    halo.max_page_size = 30
    await halo.send("DocumentReference", "_count=40")
    ((name, estimate),) = (await site_status(halo)).page_size_estimates.items()
    assert name.startswith("DocumentReference.")
    assert estimate.smallest_failure == 40


async def test_requests_in_flight_and_in_queue_are_counted() -> None:
    halo = FaultyUpstream(bulkhead={"max_concurrent": 1, "max_queue": 5})
    halo.gate.clear()
    requests = [asyncio.create_task(halo.send()) for _ in range(3)]
    while not halo.request_count:  # noqa: ASYNC110 - a count is no event
        await asyncio.sleep(0)
    status = await site_status(halo)
    assert (status.in_flight, status.queue_length) == (1, 2)
    assert halo.status_reader.load() == {GUID: (1, 2), QUIET: (0, 0)}
    halo.gate.set()
    await asyncio.gather(*requests)
    assert halo.status_reader.load()[GUID] == (0, 0)
