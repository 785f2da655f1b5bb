import asyncio

from support.requests import GUID, fhir_request, json_response
from support.scripted_upstream import Clock, Scripted

from gateway.sites.engine_version import Engines, Recognised
from gateway.stores.memory import MemoryStore

STATEMENT = json_response({"resourceType": "CapabilityStatement", "version": "26.619.1"})


async def nobody(guid: str) -> None:
    """Nobody is told."""


def test_an_answer_passes_unchanged_and_shows_its_engine() -> None:
    engines = Engines(MemoryStore(), Clock(), nobody)
    answer = asyncio.run(Recognised(Scripted(STATEMENT), engines)(fhir_request("metadata")))
    assert answer is STATEMENT
    assert engines.of(GUID) == "26.619.1"
