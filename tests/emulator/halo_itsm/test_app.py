import httpx
import pytest

from gateway.emulator.halo_itsm.app import create_halo_itsm
from gateway.emulator.halo_itsm.settings import HaloItsmSettings
from gateway.emulator.halo_itsm.state import ItsmState


@pytest.mark.anyio
async def test_asgi_transport_gets_response() -> None:
    transport = httpx.ASGITransport(create_halo_itsm())
    async with httpx.AsyncClient(transport=transport, base_url="http://itsm.test") as client:
        info = (await client.get("/api/authinfo")).json()
    assert info == {"auth_url": "http://itsm.test/auth", "tenant_id": "demo"}


def test_each_emulator_has_separate_state() -> None:
    settings = HaloItsmSettings(tickets=5)
    first, second = create_halo_itsm(settings), create_halo_itsm(settings)
    assert isinstance(first.state.emulator, ItsmState)
    assert first.state.emulator is not second.state.emulator
    assert first.state.emulator.settings == settings
