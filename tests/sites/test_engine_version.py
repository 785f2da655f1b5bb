import pytest
from support.requests import GUID, SITE, fhir_request, json_response
from support.scripted_upstream import Clock

from gateway.sites.engine_version import MAX_LOCAL_AGE, EngineInfo, EngineVersions, with_engine_versions
from gateway.stores.memory import MemoryStore

pytestmark = pytest.mark.anyio

METADATA = fhir_request("metadata")


class Replica(EngineVersions):
    """One replica of several on a store; `changed_sites` have a new engine."""

    def __init__(self, store: MemoryStore, clock: Clock) -> None:
        self.changed_sites: list[str] = []
        super().__init__(store, clock, self._record_change)

    async def learn(self, version: str) -> None:
        await self.learn_from_response(
            METADATA, json_response({"resourceType": "CapabilityStatement", "version": version})
        )

    async def _record_change(self, guid: str) -> None:
        self.changed_sites.append(guid)


def two_replicas() -> tuple[Clock, Replica, Replica]:
    clock = Clock()
    store = MemoryStore(clock=clock)
    return clock, Replica(store, clock), Replica(store, clock)


async def test_version_is_learned_from_passing_response() -> None:
    _, replica, _ = two_replicas()
    assert replica.local_version(GUID) == await replica.shared_version(GUID) == ""
    await replica.learn_from_response(fhir_request("Patient/1"), json_response({"resourceType": "Patient"}))
    assert replica.local_version(GUID) == ""
    await replica.learn("26.619.10213.0")
    assert replica.local_version(GUID) == await replica.shared_version(GUID) == "26.619.10213"


async def test_only_other_version_is_a_new_engine() -> None:
    _, replica, _ = two_replicas()
    for version in ("1.2", "1.2", "1.3"):
        await replica.learn(version)
    assert (replica.changed_sites, replica.local_version(GUID)) == ([GUID], "1.3")


async def test_replicas_share_versions() -> None:
    clock, first, second = two_replicas()
    await first.learn("1.2")
    assert await second.shared_version(GUID) == "1.2"
    await first.learn("1.3")
    assert await second.shared_version(GUID) == "1.2"
    clock.now += MAX_LOCAL_AGE
    assert await second.shared_version(GUID) == "1.3"
    await second.learn("1.3")
    assert second.changed_sites == []


async def test_local_version_remains_after_expiry_in_store() -> None:
    clock, replica, _ = two_replicas()
    await replica.learn("1.2")
    clock.now += 8 * 86_400
    assert await replica.shared_version(GUID) == "1.2"


async def test_engines_in_this_process_are_bounded() -> None:
    _, replica, _ = two_replicas()
    for number in range(5_001):
        replica._local_engines[str(number)] = EngineInfo("26.619")
    assert (replica.local_version("0"), replica.local_version("5000")) == ("", "26.619")


async def test_site_with_its_version_is_built_once_for_each() -> None:
    _, replica, _ = two_replicas()
    find = with_engine_versions({GUID: SITE}.get, replica.local_version)
    assert find("unknown") is None
    for version in ("", "26.619.10213", "26.701.1"):
        if version:
            await replica.learn(version)
        site = find(GUID)
        assert site is not None
        assert (site.guid, site.engine_version) == (GUID, version)
        assert find(GUID) is site
