"""List of all sites."""

import pytest
from support.requests import GUID
from support.site_status import ENGINE, OFFLINE, QUIET, STRANGE, FaultyUpstream

from gateway.admin.site_briefs import BriefSelection, SiteBrief, Trouble, read_site_briefs, trouble_of
from gateway.sites.issue_states import Observation

pytestmark = pytest.mark.anyio


ALL, TROUBLED = BriefSelection(), BriefSelection(is_troubled=True)


async def briefs_of(halo: FaultyUpstream, selection: BriefSelection = ALL) -> dict[str, SiteBrief]:
    """Briefs by GUID."""
    return {brief.guid: brief for brief in (await read_site_briefs(halo.status_reader, selection)).briefs}


async def test_configured_sites_are_listed_without_trouble() -> None:
    halo = FaultyUpstream()
    briefs = await briefs_of(halo)
    assert {guid: brief.is_configured for guid, brief in briefs.items()} == {GUID: True, QUIET: True}
    assert await read_site_briefs(halo.status_reader, TROUBLED) == ([], 0, 2)


async def test_failing_site_is_troubled_also_if_it_is_not_configured() -> None:
    halo = FaultyUpstream()
    for guid in (GUID, STRANGE):
        await halo.fail_once(OFFLINE, guid=guid)
    briefs = await briefs_of(halo, TROUBLED)
    assert briefs.keys() == {GUID, STRANGE}
    assert not briefs[STRANGE].is_configured
    assert briefs[GUID].circuit.reason == "practice-offline"


async def test_most_troubled_sites_are_read_up_to_a_limit() -> None:
    halo = FaultyUpstream()
    await halo.fail_once(OFFLINE, guid=STRANGE)
    for limit, expected in ((1, [STRANGE]), (2, [STRANGE, *sorted_names(await briefs_of(halo))[:1]])):
        found = await read_site_briefs(halo.status_reader, BriefSelection(limit=limit))
        assert ([brief.guid for brief in found.briefs], found.found, found.total) == (expected, 3, 3)


async def test_page_begins_behind_its_offset() -> None:
    halo = FaultyUpstream()
    await halo.fail_once(OFFLINE, guid=STRANGE)
    whole = [brief.guid for brief in (await read_site_briefs(halo.status_reader, BriefSelection())).briefs]
    for offset in range(4):
        selection = BriefSelection(limit=2, offset=offset)
        found = await read_site_briefs(halo.status_reader, selection)
        assert [brief.guid for brief in found.briefs] == whole[offset : offset + 2]
        assert (found.found, found.total) == (3, 3)


def sorted_names(briefs: dict[str, SiteBrief]) -> list[str]:
    return sorted({GUID, QUIET}, key=lambda guid: briefs[guid].name.lower())


@pytest.mark.parametrize(
    ("text", "is_found"),
    [("", True), (f" {GUID[5:20].upper()}", True), ("no such name", False), (".*", False)],
)
async def test_text_finds_names_and_guids(text: str, is_found: bool) -> None:
    halo = FaultyUpstream()
    assert (GUID in await briefs_of(halo, BriefSelection(contains=text))) is is_found
    name = (await briefs_of(halo))[GUID].name.upper()
    assert GUID in await briefs_of(halo, BriefSelection(contains=name))


@pytest.mark.parametrize(
    ("state", "failures", "others", "trouble"),
    [
        ("open", 2, {"is_paused", "lacks_zone", "is_waiting"}, Trouble.CIRCUIT_OPEN),
        ("half-open", 2, {"is_paused", "lacks_zone", "is_waiting"}, Trouble.PAUSED),
        ("half-open", 2, {"lacks_zone", "is_waiting"}, Trouble.TRIAL),
        ("closed", 1, {"lacks_zone", "is_waiting"}, Trouble.NO_TIME_ZONE),
        ("closed", 1, {"is_waiting"}, Trouble.FAILING),
        ("closed", 0, {"is_waiting"}, Trouble.WAITING),
        ("closed", 0, set(), Trouble.NONE),
    ],
)
def test_worst_trouble_counts(state: str, failures: int, others: set[str], trouble: Trouble) -> None:
    facts = {name: name in others for name in ("is_paused", "lacks_zone", "is_waiting")}
    assert trouble_of(state, failures, **facts) is trouble


async def test_engine_and_broken_issues_are_those_that_this_process_knows() -> None:
    halo = FaultyUpstream()
    seen = [
        ("link-base-url", "", "broken"),
        ("link-base-url", "next", "broken"),
        ("error-envelope", "", "right"),
    ]
    await halo.issue_states.observe(GUID, [Observation(*each) for each in seen])
    briefs = await briefs_of(halo)
    assert (briefs[GUID].engine, briefs[GUID].broken_issues) == (ENGINE, 1)
    assert briefs[QUIET].broken_issues == 0
