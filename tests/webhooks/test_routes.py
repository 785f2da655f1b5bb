"""Route of webhooks, and what they invalidate."""

from contextlib import AsyncExitStack
from typing import Any

import pytest
from support.asgi import GUID, settings

from gateway.cache.invalidation import InvalidationCounters
from gateway.settings import Settings
from gateway.settings.resolve import ConfiguredSites
from gateway.stores.memory import MemoryStore
from gateway.telemetry.metrics import Metrics
from gateway.webhooks.delivery import Notice
from gateway.webhooks.routes import invalidation_of, webhook_routes

pytestmark = pytest.mark.anyio

SECRET = "synthetic secret of Halo"  # noqa: S105 - a test's own
OTHER = "0a1b2c3d-0000-4000-8000-00000000000b"


def routes_of(configured: Settings) -> list[str]:
    store = MemoryStore()
    sites, counters = ConfiguredSites(configured), InvalidationCounters(store)
    found = webhook_routes(configured, store, counters, sites, Metrics(), AsyncExitStack())
    return [route.path for route in found]


def test_there_is_no_route_without_a_secret() -> None:
    assert routes_of(settings()) == []
    receivers = {"billing": {"url": "https://receiver.example/hook"}}
    hooks = {"secrets": [SECRET], "receivers": receivers}
    assert routes_of(settings(webhooks=hooks)) == ["/hooks/halo"]


class Case:
    """Counters of two sites; `invalidates` is set for the first, or for all by default."""

    def __init__(self, **sites: Any) -> None:
        configured = Settings.model_validate({"sites": sites})
        self.store = MemoryStore()
        self.counters = InvalidationCounters(self.store)
        self._invalidate = invalidation_of(configured, self.counters, ConfiguredSites(configured))

    async def changed(self, guid: str, query: str = "q-1") -> tuple[str, set[str]]:
        """Name of the site, and types of both sites whose counters change."""
        types = ("Appointment", "Slot", "Patient")
        before = {site: (await self.counters.snapshot(site, types)).counters for site in (GUID, OTHER)}
        name, _ = await self._invalidate(Notice("e", guid, queryId=query))
        after = {site: (await self.counters.snapshot(site, types)).counters for site in (GUID, OTHER)}
        return name, {
            f"{site[-1]} {tag}"
            for site, tags in after.items()
            for tag, value in tags.items()
            if value != before[site][tag] and tag != "all"
        }


async def test_types_of_the_site_are_invalidated_and_no_other() -> None:
    webhooks = {"invalidates": {"q-1": ["Appointment"], "q-2": ["Patient"]}}
    case = Case(**{GUID: {"time_zone": "Australia/Sydney", "name": "harbour", "webhooks": webhooks}})
    assert await case.changed(GUID) == ("harbour", {"a Appointment", "a Slot"})
    assert await case.changed(GUID.upper(), "q-2") == ("harbour", {"a Patient", "a Appointment"})
    assert await case.changed(GUID, "q-3") == ("harbour", set())


async def test_default_applies_to_sites_without_own_table() -> None:
    default = {"webhooks": {"invalidates": {"*": ["Patient"]}}}
    own = {"time_zone": "Australia/Sydney", "webhooks": {"invalidates": {"*": ["*"]}}}
    case = Case(**{"default": default, GUID: own, OTHER: {"time_zone": "Australia/Perth"}})
    assert (await case.changed(GUID))[1] == {"a *"}
    assert (await case.changed(OTHER))[1] == {"b Patient", "b Appointment"}


@pytest.mark.parametrize("guid", [OTHER, "no GUID", "", "x" * 200])
async def test_nothing_is_created_for_an_unknown_site(guid: str) -> None:
    site = {"time_zone": "Australia/Sydney", "webhooks": {"invalidates": {"*": ["*"]}}}
    case = Case(**{GUID: site})
    assert await case.changed(guid) == ("", set())
    assert len(case.store._counters) == 0


async def test_text_that_is_no_guid_is_no_site_by_default() -> None:
    default = {"time_zone": "Australia/Sydney", "webhooks": {"invalidates": {"*": ["*"]}}}
    case = Case(default=default)
    assert (await case.changed("no GUID"))[0] == ""
    assert (await case.changed(OTHER))[1] == {"b *"}
