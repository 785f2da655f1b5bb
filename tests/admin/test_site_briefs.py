"""List of all sites."""

import pytest
from support.requests import GUID
from support.site_status import ENGINE, OFFLINE, QUIET, STRANGE, FaultyUpstream

from gateway.admin.site_briefs import read_site_briefs
from gateway.sites.issue_states import Observation

pytestmark = pytest.mark.anyio


async def test_configured_sites_are_listed_without_trouble() -> None:
    briefs = await read_site_briefs(FaultyUpstream().status_reader)
    assert [(brief.guid, brief.is_configured, brief.is_troubled) for brief in briefs] == [
        (guid, True, False) for guid in sorted((GUID, QUIET))
    ]


async def test_failing_site_is_troubled_also_if_it_is_not_configured() -> None:
    halo = FaultyUpstream()
    for guid in (GUID, STRANGE):
        await halo.fail_once(OFFLINE, guid=guid)
    briefs = {brief.guid: brief for brief in await read_site_briefs(halo.status_reader)}
    assert [briefs[guid].is_troubled for guid in (GUID, QUIET, STRANGE)] == [True, False, True]
    assert not briefs[STRANGE].is_configured
    assert briefs[GUID].circuit.reason == "practice-offline"


async def test_engine_and_broken_issues_are_those_that_this_process_knows() -> None:
    halo = FaultyUpstream()
    seen = [
        ("link-base-url", "", "broken"),
        ("link-base-url", "next", "broken"),
        ("error-envelope", "", "right"),
    ]
    await halo.issue_states.observe(GUID, [Observation(*each) for each in seen])
    briefs = {brief.guid: brief for brief in await read_site_briefs(halo.status_reader)}
    assert (briefs[GUID].engine, briefs[GUID].broken_issues) == (ENGINE, 1)
    assert briefs[QUIET].broken_issues == 0
