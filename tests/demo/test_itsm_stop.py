import httpx
import pytest

from gateway.app import create_app
from gateway.demo.itsm_stop import CHECKS, Check, itsm_mount, run_itsm_stop
from gateway.emulator.halo_itsm.app import create_halo_itsm
from gateway.emulator.halo_itsm.errors import ERRORS
from gateway.emulator.serve import RunningEmulator
from gateway.server.serve import ThreadedServer
from gateway.settings import Settings

DUPLICATE, LIMIT = ERRORS["duplicate"], ERRORS["rate-reached"]
OUTCOME = {
    "resourceType": "OperationOutcome",
    "issue": [{"severity": "error", "code": "duplicate", "details": {"text": "Choose another value."}}],
}
TICKET, JSON_ERROR, FHIR_ERROR, RATE = CHECKS


def fhir(status: int, body: object) -> httpx.Response:
    return httpx.Response(status, json=body, headers={"content-type": "application/fhir+json; charset=utf-8"})


@pytest.mark.parametrize(
    ("check", "response"),
    [
        (TICKET, httpx.Response(200, json={"id": 1, "status": 500, "message": "x"})),
        (JSON_ERROR, httpx.Response(409, content=DUPLICATE.body)),
        (FHIR_ERROR, fhir(409, OUTCOME)),
        (RATE, httpx.Response(429, content=LIMIT.body, headers={"retry-after": "5"})),
    ],
)
def test_right_response_is_ok(check: Check, response: httpx.Response) -> None:
    text, is_right = check.check(response)
    assert is_right
    assert text.startswith(str(response.status_code))


@pytest.mark.parametrize(
    ("check", "response"),
    [
        (TICKET, httpx.Response(502, json={"status": 500, "message": "x"})),
        (TICKET, httpx.Response(200, json={"id": 1, "status": 500})),
        (JSON_ERROR, httpx.Response(502, content=DUPLICATE.body)),
        (JSON_ERROR, fhir(409, OUTCOME)),
        (FHIR_ERROR, httpx.Response(409, content=DUPLICATE.body)),
        (RATE, httpx.Response(429, content=LIMIT.body)),
        (RATE, httpx.Response(429, text="{}", headers={"retry-after": "5"})),
    ],
)
def test_wrong_response_is_bad(check: Check, response: httpx.Response) -> None:
    assert not check.check(response)[1]


def test_every_check_of_the_stop_is_ok(capsys: pytest.CaptureFixture[str]) -> None:
    with RunningEmulator(app=create_halo_itsm()) as emulator:
        mounts = {"halo-itsm": itsm_mount(emulator.url)}
        with ThreadedServer(create_app(Settings.model_validate({"upstreams": mounts}))) as gateway:
            assert run_itsm_stop(emulator, gateway.url)
    lines = capsys.readouterr().out.splitlines()
    assert all(any(line.startswith(f"  ok  {check.title}: ") for line in lines) for check in CHECKS)
