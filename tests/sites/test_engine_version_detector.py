import pytest
from support.requests import GUID, fhir_request, json_response
from support.scripted_upstream import Clock, ScriptedUpstream

from gateway.sites.engine_version import EngineDetector, EngineVersions
from gateway.stores.memory import MemoryStore

STATEMENT = json_response({"resourceType": "CapabilityStatement", "version": "26.619.1"})


async def ignore_change(guid: str) -> None:
    """Do nothing."""


@pytest.mark.anyio
async def test_response_is_unchanged_and_its_version_stored() -> None:
    engines = EngineVersions(MemoryStore(), Clock(), ignore_change)
    response = await EngineDetector(ScriptedUpstream(STATEMENT), engines)(fhir_request("metadata"))
    assert response is STATEMENT
    assert engines.local_version(GUID) == "26.619.1"
