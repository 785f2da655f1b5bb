import time

import httpx
import msgspec
import pytest
from emulator.halo_client import KEY, HaloClient

from gateway.emulator.app import create_emulator
from gateway.emulator.settings import EmulatorSettings
from gateway.emulator.sites import SYDNEY


def test_reset_fault_drops_connection(halo: HaloClient) -> None:
    halo.inject("reset", times=1)
    with pytest.raises(httpx.ReadError):
        halo.send("Patient")
    assert halo.send("Patient").status_code == 200


def test_lost_response_follows_an_executed_write(halo: HaloClient) -> None:
    before = len(halo.truth("Patient"))
    for kind, created in (("reset", 0), ("lost", 1)):
        halo.inject(kind, times=1)
        with pytest.raises(httpx.ReadError):
            halo.send("Patient", method="POST", json={"resourceType": "Patient"})
        assert len(halo.truth("Patient")) == before + created


def test_drip_fault_sends_complete_body_slowly(halo: HaloClient) -> None:
    expected = halo.send("Patient").json()
    halo.inject("drip", delay=1, times=1)
    started = time.monotonic()
    with halo.http.stream("GET", f"{halo.base(SYDNEY)}/Patient") as response:
        pieces = list(response.iter_raw())
    assert time.monotonic() - started >= 1
    assert len(pieces) > 1
    assert msgspec.json.decode(b"".join(pieces)) == expected


def test_truncated_body_is_shorter_than_content_length(halo: HaloClient) -> None:
    size = len(halo.send("Patient").content)
    halo.inject("truncate", times=1)
    with halo.http.stream("GET", f"{halo.base(SYDNEY)}/Patient") as response:
        assert (response.status_code, response.headers["content-length"]) == (200, str(size))
        with pytest.raises(httpx.RemoteProtocolError, match="complete message body"):
            response.read()
    assert halo.send("Patient").status_code == 200


def test_truncate_fault_applies_to_errors(halo: HaloClient) -> None:
    halo.inject("truncate")
    with pytest.raises(httpx.RemoteProtocolError):
        halo.send("Patient/99999")


def test_hang_fault_sends_no_response(halo: HaloClient) -> None:
    halo.inject("hang", times=1)
    with pytest.raises(httpx.ReadTimeout):
        halo.send("Patient", timeout=httpx.Timeout(20, read=0.2))
    assert halo.send("Patient").status_code == 200


@pytest.mark.anyio
@pytest.mark.parametrize("kind", ["reset", "lost", "truncate"])
async def test_dropped_connection_without_socket_raises_connection_reset_error(kind: str) -> None:
    transport = httpx.ASGITransport(create_emulator(EmulatorSettings(patients=5, documents=0)))
    async with httpx.AsyncClient(transport=transport, base_url="http://test", headers=KEY) as client:
        await client.post("/_emulator/faults", json={"kind": kind})
        with pytest.raises(ConnectionResetError):
            await client.get(f"/integrator/sites/{SYDNEY}/fhir/R4/Patient")
