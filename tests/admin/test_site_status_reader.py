import asyncio

from structlog.testing import capture_logs
from support.requests import GUID
from support.site_status import IP_BLOCKED, OFFLINE, QUIET, QUOTA_EXHAUSTED, RATE_LIMITED, STRANGE, Watched

from gateway.admin.site_status import SiteStatus


async def at(watched: Watched, guid: str = GUID) -> SiteStatus:
    (found,) = [each for each in await watched.states.site_statuses() if each.guid == guid]
    return found


def test_practices_of_the_configuration_are_there_and_well() -> None:
    async def scene() -> None:
        found = await Watched().states.site_statuses()
        assert [(each.guid, each.name, each.is_configured) for each in found] == [
            (GUID, "harbour", True),
            (QUIET, QUIET[:8], True),
        ]
        assert {each.circuit.state(0) for each in found} == {"closed"}

    asyncio.run(scene())


def test_a_practice_in_trouble_is_there_with_why_and_until_when_even_outside_the_configuration() -> None:
    async def scene() -> None:
        watched = Watched()
        with capture_logs():
            await watched.trouble(OFFLINE, guid=STRANGE)
        found = await at(watched, STRANGE)
        now = watched.states.now()
        assert (found.is_configured, found.circuit.state(now), found.circuit.reason) == (
            False,
            "open",
            "practice-offline",
        )
        assert 200 < found.circuit.seconds_until_half_open(now) <= 600
        assert (await at(watched)).circuit.state(now) == "closed"
        assert len(await watched.states.site_statuses(GUID)) == 1

    asyncio.run(scene())


def test_retries_count_against_the_practice_that_had_them() -> None:
    async def scene() -> None:
        watched = Watched()
        with capture_logs():
            await watched.trouble(OFFLINE)
        spent = await watched.states.retry_usage()
        assert list(spent) == [GUID]
        assert spent[GUID].retries + spent[GUID].retries_left == 3
        assert spent[GUID].retries > 0

    asyncio.run(scene())


def test_lifting_ends_the_rest_and_the_pauses_of_one_practice_only() -> None:
    async def scene() -> None:
        watched = Watched()
        with capture_logs():
            await watched.trouble(OFFLINE, guid=QUIET)
            await watched.trouble(QUOTA_EXHAUSTED)
            await watched.trouble(OFFLINE)
        assert await watched.ask() == "requests-paused"
        (pause,) = await watched.states.pauses()
        assert await watched.states.reset_site(GUID) == [pause]
        assert await watched.ask() == "200"
        assert await watched.ask(guid=QUIET) == "practice-circuit-open"
        assert await watched.states.reset_site(QUIET) == ["circuit"]
        assert await watched.ask(guid=QUIET) == "200"
        assert await watched.states.reset_site(QUIET) == []

    asyncio.run(scene())


def test_one_pause_can_be_lifted_alone() -> None:
    async def scene() -> None:
        watched = Watched()
        with capture_logs():
            await watched.trouble(QUOTA_EXHAUSTED)
            await watched.trouble(QUOTA_EXHAUSTED, guid=QUIET)
        name = next(each for each in await watched.states.pauses() if GUID in each)
        assert await watched.states.reset_site(GUID, name) == [name]
        assert (await watched.ask(), await watched.ask(guid=QUIET)) == ("200", "requests-paused")
        assert await watched.states.reset_site(GUID, name) == []

    asyncio.run(scene())


def test_a_pause_of_everybody_is_of_no_practice_and_is_lifted_by_its_name() -> None:
    async def scene() -> None:
        watched = Watched()
        with capture_logs():
            await watched.trouble(IP_BLOCKED)
        (name,) = await watched.states.pauses()
        assert name.startswith("gateway:")
        assert (await at(watched)).pauses == {}
        assert await watched.states.reset_site(GUID) == []
        assert await watched.ask() == "requests-paused"
        assert await watched.states.reset_site("", name) == [name]
        assert await watched.ask() == "200"

    asyncio.run(scene())


def test_keys_show_under_their_alias_or_the_beginning_of_a_hash() -> None:
    async def scene() -> None:
        watched = Watched()
        with capture_logs():
            await watched.trouble(RATE_LIMITED, retry_after=90)
            await watched.ask(key="another-synthetic-key")
        known = {each.caller: each for each in await watched.states.key_statuses()}
        assert 80 < known["diary"].blocked_seconds <= 90
        assert known["diary"].requests_per_second is not None
        (other,) = known.keys() - {"diary"}
        assert len(other) == 8
        assert "another" not in other
        assert known[other].requests_per_second is None
        assert known["diary"].upstream == "halo.example"

    asyncio.run(scene())


def test_what_fits_on_a_page_is_known_by_resource_type() -> None:
    async def scene() -> None:
        watched = Watched()
        watched.fits = 30
        with capture_logs():
            await watched.ask("DocumentReference", "_count=40")
        ((name, fit),) = (await at(watched)).page_size_estimates.items()
        assert name.startswith("DocumentReference.")
        assert fit.smallest_failure == 40

    asyncio.run(scene())


def test_requests_under_way_and_waiting_are_counted_where_they_are() -> None:
    async def scene() -> None:
        watched = Watched(bulkhead={"max_concurrent": 1, "max_queue": 5})
        watched.gate.clear()
        asking = [asyncio.create_task(watched.ask()) for _ in range(3)]
        while not watched.asked:  # noqa: ASYNC110 - a count is no event
            await asyncio.sleep(0)
        found = await at(watched)
        assert (found.in_flight, found.queue_length) == (1, 2)
        assert watched.states.load() == {GUID: (1, 2), QUIET: (0, 0)}
        watched.gate.set()
        await asyncio.gather(*asking)
        assert watched.states.load()[GUID] == (0, 0)

    asyncio.run(scene())
