import pytest
from emulator.halo_client import HaloClient

from gateway.emulator.auth import DESKTOP_GRANT
from gateway.emulator.sites import PERTH, SYDNEY

FORM = {"grant_type": DESKTOP_GRANT, "device_id": "device-1", "site_id": SYDNEY}


def issue_token(halo: HaloClient) -> str:
    response = halo.send("/integrator/token", method="POST", data=FORM)
    assert response.status_code == 200
    assert set(response.json()) == {"access_token", "token_type", "expires_in"}
    return str(response.json()["access_token"])


def desktop_read_status(halo: HaloClient, site: str, **headers: str) -> int:
    return halo.send(f"/desktop/sites/{site}/fhir/R4/Patient/1", headers=headers).status_code


def test_desktop_token_is_valid_for_its_site_and_device_only(halo: HaloClient) -> None:
    bearer = f"Bearer {issue_token(halo)}"
    assert desktop_read_status(halo, SYDNEY, Authorization=bearer, DeviceId="device-1") == 200
    assert desktop_read_status(halo, SYDNEY, Authorization=bearer, DeviceId="device-2") == 401
    assert desktop_read_status(halo, SYDNEY, Authorization=bearer) == 401
    assert desktop_read_status(halo, PERTH, Authorization=bearer, DeviceId="device-1") == 401


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer x", "DeviceId": "device-1"}])
def test_invalid_desktop_token_gets_flat_401(halo: HaloClient, headers: dict[str, str]) -> None:
    response = halo.send(f"/desktop/sites/{SYDNEY}/fhir/R4/Patient/1", headers=headers)
    assert response.json() == {"statusCode": 401, "message": "Invalid token"}


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"grant_type": "password"}, 400),
        ({"device_id": ""}, 400),
        ({"site_id": "00000000-0000-4000-8000-000000000000"}, 401),
    ],
)
def test_incomplete_token_form_is_refused(halo: HaloClient, change: dict[str, str], status: int) -> None:
    assert halo.send("/integrator/token", method="POST", data=FORM | change).status_code == status


def test_token_request_in_json_gets_415(halo: HaloClient) -> None:
    assert halo.send("/integrator/token", method="POST", json=FORM).status_code == 415
