import asyncio

from support.requests import GUID, fhir_request, json_response
from support.scripted_upstream import Clock, Scripted

from gateway.sites.engine_version import EngineDetector, EngineVersions
from gateway.stores.memory import MemoryStore

STATEMENT = json_response({"resourceType": "CapabilityStatement", "version": "26.619.1"})


async def nobody(guid: str) -> None:
    """Nobody is told."""


def test_an_answer_passes_unchanged_and_shows_its_engine() -> None:
    engines = EngineVersions(MemoryStore(), Clock(), nobody)
    answer = asyncio.run(EngineDetector(Scripted(STATEMENT), engines)(fhir_request("metadata")))
    assert answer is STATEMENT
    assert engines.local_version(GUID) == "26.619.1"
