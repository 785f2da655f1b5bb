import asyncio

from support.requests import GUID, fhir_request, json_response
from support.scripted_upstream import Clock

from gateway.sites.engine_version import MAX_LOCAL_AGE, EngineVersions
from gateway.stores.memory import MemoryStore

METADATA = fhir_request("metadata")


class Replica(EngineVersions):
    """One of several on a store; `new` are the sites it said have a new engine."""

    def __init__(self, store: MemoryStore, clock: Clock) -> None:
        self.new: list[str] = []
        super().__init__(store, clock, self._noted)

    async def sees(self, version: str) -> None:
        await self.learn_from_response(
            METADATA, json_response({"resourceType": "CapabilityStatement", "version": version})
        )

    async def _noted(self, guid: str) -> None:
        self.new.append(guid)


def pair() -> tuple[Clock, Replica, Replica]:
    clock = Clock()
    store = MemoryStore(clock=clock)
    return clock, Replica(store, clock), Replica(store, clock)


def test_a_version_is_learned_from_what_passes_by() -> None:
    async def scene() -> None:
        _, one, _ = pair()
        assert one.local_version(GUID) == await one.shared_version(GUID) == ""
        await one.learn_from_response(fhir_request("Patient/1"), json_response({"resourceType": "Patient"}))
        assert one.local_version(GUID) == ""
        await one.sees("26.619.10213.0")
        assert one.local_version(GUID) == await one.shared_version(GUID) == "26.619.10213"

    asyncio.run(scene())


def test_only_another_version_is_a_new_engine() -> None:
    async def scene() -> None:
        _, one, _ = pair()
        for version in ("1.2", "1.2", "1.3"):
            await one.sees(version)
        assert (one.new, one.local_version(GUID)) == ([GUID], "1.3")

    asyncio.run(scene())


def test_replicas_hear_of_each_others_engines() -> None:
    async def scene() -> None:
        clock, one, other = pair()
        await one.sees("1.2")
        assert await other.shared_version(GUID) == "1.2"
        await one.sees("1.3")
        assert await other.shared_version(GUID) == "1.2"
        clock.now += MAX_LOCAL_AGE
        assert await other.shared_version(GUID) == "1.3"
        await other.sees("1.3")
        assert other.new == []

    asyncio.run(scene())


def test_what_was_known_stays_known_when_the_store_forgets() -> None:
    async def scene() -> None:
        clock, one, _ = pair()
        await one.sees("1.2")
        clock.now += 8 * 86_400
        assert await one.shared_version(GUID) == "1.2"

    asyncio.run(scene())
