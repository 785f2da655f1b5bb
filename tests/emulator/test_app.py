import asyncio

import httpx

from gateway.emulator.app import create_emulator
from gateway.emulator.settings import EmulatorSettings
from gateway.emulator.state import EmulatorState


def test_it_answers_in_process() -> None:
    async def sites() -> int:
        transport = httpx.ASGITransport(create_emulator())
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return len((await client.get("/_emulator/sites")).json())

    assert asyncio.run(sites()) == 3


def test_every_emulator_has_its_own_state() -> None:
    settings = EmulatorSettings(patients=5)
    one, other = create_emulator(settings), create_emulator(settings)
    assert isinstance(one.state.emulator, EmulatorState)
    assert one.state.emulator is not other.state.emulator
    assert one.state.emulator.settings == settings
