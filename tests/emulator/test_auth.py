import pytest
from emulator.asking import Halo

from gateway.emulator.auth import DESKTOP_GRANT
from gateway.emulator.sites import PERTH, SYDNEY

FORM = {"grant_type": DESKTOP_GRANT, "device_id": "device-1", "site_id": SYDNEY}


def token(halo: Halo) -> str:
    answer = halo.ask("/integrator/token", method="POST", data=FORM)
    assert answer.status_code == 200
    assert set(answer.json()) == {"access_token", "token_type", "expires_in"}
    return str(answer.json()["access_token"])


def asked(halo: Halo, site: str, **headers: str) -> int:
    return halo.ask(f"/desktop/sites/{site}/fhir/R4/Patient/1", headers=headers).status_code


def test_a_token_opens_its_site_for_its_device(halo: Halo) -> None:
    bearer = f"Bearer {token(halo)}"
    assert asked(halo, SYDNEY, Authorization=bearer, DeviceId="device-1") == 200
    assert asked(halo, SYDNEY, Authorization=bearer, DeviceId="device-2") == 401
    assert asked(halo, SYDNEY, Authorization=bearer) == 401
    assert asked(halo, PERTH, Authorization=bearer, DeviceId="device-1") == 401


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer x", "DeviceId": "device-1"}])
def test_without_a_good_token_the_desktop_api_answers_flat(halo: Halo, headers: dict[str, str]) -> None:
    answer = halo.ask(f"/desktop/sites/{SYDNEY}/fhir/R4/Patient/1", headers=headers)
    assert answer.json() == {"statusCode": 401, "message": "Invalid token"}


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"grant_type": "password"}, 400),
        ({"device_id": ""}, 400),
        ({"site_id": "00000000-0000-4000-8000-000000000000"}, 401),
    ],
)
def test_a_token_is_not_given_for_less(halo: Halo, change: dict[str, str], status: int) -> None:
    assert halo.ask("/integrator/token", method="POST", data=FORM | change).status_code == status


def test_a_token_is_asked_for_with_a_form(halo: Halo) -> None:
    assert halo.ask("/integrator/token", method="POST", json=FORM).status_code == 415
