import httpx
import pytest

from gateway.emulator.app import create_emulator
from gateway.emulator.settings import EmulatorSettings
from gateway.emulator.state import EmulatorState


@pytest.mark.anyio
async def test_asgi_transport_gets_response() -> None:
    transport = httpx.ASGITransport(create_emulator())
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        assert len((await client.get("/_emulator/sites")).json()) == 3


def test_each_emulator_has_separate_state() -> None:
    settings = EmulatorSettings(patients=5)
    first, second = create_emulator(settings), create_emulator(settings)
    assert isinstance(first.state.emulator, EmulatorState)
    assert first.state.emulator is not second.state.emulator
    assert first.state.emulator.settings == settings
