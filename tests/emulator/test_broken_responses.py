import asyncio
import time

import httpx
import msgspec
import pytest
from emulator.asking import KEY, Halo

from gateway.emulator.app import create_emulator
from gateway.emulator.settings import EmulatorSettings
from gateway.emulator.sites import SYDNEY


def test_a_reset_drops_the_connection(halo: Halo) -> None:
    halo.fault("reset", times=1)
    with pytest.raises(httpx.ReadError):
        halo.ask("Patient")
    assert halo.ask("Patient").status_code == 200


def test_an_answer_is_lost_after_the_write_was_carried_out(halo: Halo) -> None:
    before = len(halo.truth("Patient"))
    for kind, created in (("reset", 0), ("lost", 1)):
        halo.fault(kind, times=1)
        with pytest.raises(httpx.ReadError):
            halo.ask("Patient", method="POST", json={"resourceType": "Patient"})
        assert len(halo.truth("Patient")) == before + created


def test_a_dripping_body_is_whole_but_slow(halo: Halo) -> None:
    right = halo.ask("Patient").json()
    halo.fault("drip", delay=1, times=1)
    started = time.monotonic()
    with halo.http.stream("GET", f"{halo.base(SYDNEY)}/Patient") as answer:
        pieces = list(answer.iter_raw())
    assert time.monotonic() - started >= 1
    assert len(pieces) > 1
    assert msgspec.json.decode(b"".join(pieces)) == right


def test_a_truncated_body_is_shorter_than_announced(halo: Halo) -> None:
    size = len(halo.ask("Patient").content)
    halo.fault("truncate", times=1)
    with halo.http.stream("GET", f"{halo.base(SYDNEY)}/Patient") as answer:
        assert (answer.status_code, answer.headers["content-length"]) == (200, str(size))
        with pytest.raises(httpx.RemoteProtocolError, match="complete message body"):
            answer.read()
    assert halo.ask("Patient").status_code == 200


def test_an_error_can_be_truncated_too(halo: Halo) -> None:
    halo.fault("truncate")
    with pytest.raises(httpx.RemoteProtocolError):
        halo.ask("Patient/99999")


def test_a_hang_answers_nothing_until_the_client_leaves(halo: Halo) -> None:
    halo.fault("hang", times=1)
    with pytest.raises(httpx.ReadTimeout):
        halo.ask("Patient", timeout=0.2)
    assert halo.ask("Patient").status_code == 200


@pytest.mark.parametrize("kind", ["reset", "lost", "truncate"])
def test_without_a_socket_a_dropped_connection_is_an_exception(kind: str) -> None:

    async def ask() -> None:
        app = create_emulator(EmulatorSettings(patients=5, documents=0))
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test", headers=KEY) as client:
            await client.post("/_emulator/faults", json={"kind": kind})
            with pytest.raises(ConnectionResetError):
                await client.get(f"/integrator/sites/{SYDNEY}/fhir/R4/Patient")

    asyncio.run(ask())
