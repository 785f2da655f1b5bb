"""State of the handlers of one upstream, as operators name it."""

from dataclasses import replace

import pytest
from structlog.testing import capture_logs
from support.requests import GUID
from support.site_status import QUOTA_EXHAUSTED, FaultyUpstream

from gateway.admin.site_status import SiteStatusReader
from gateway.admin.upstream_handlers import site_of_pause

pytestmark = pytest.mark.anyio


async def test_state_of_a_second_halo_has_its_name() -> None:
    first, second = FaultyUpstream(), FaultyUpstream()
    reader = SiteStatusReader([first.handlers, replace(second.handlers, mount="mnt")], {GUID})
    with capture_logs():
        await second.fail_once(QUOTA_EXHAUSTED)
    (own, at_mount) = await reader.site_statuses()
    assert (own.guid, own.pauses) == (GUID, {})
    assert (at_mount.guid, at_mount.name, at_mount.is_configured) == (f"mnt/{GUID}", f"mnt/{GUID[:8]}", True)
    (name,) = at_mount.pauses
    assert site_of_pause(name) == at_mount.guid
    assert await reader.reset_site(GUID) == []
    assert not await first.handlers.clear_pause(name)
    assert await reader.reset_site(at_mount.guid) == [name]


async def test_mount_that_is_one_site_names_its_pauses() -> None:
    handlers = replace(FaultyUpstream().handlers, mount="desk", practices=None)
    assert handlers.pause_name("rate-limit:0f0f") == "desk/rate-limit:0f0f"
    assert handlers.pause_name("site:desk") == "site:desk"
    assert (site_of_pause("desk/rate-limit:0f0f"), site_of_pause("site:desk")) == ("", "desk")
