"""A caller is the same everywhere (strangers.md S7): no field beside its credential changes who it is."""

import pytest
from conftest import KEY
from end_to_end.failing_gateway import FailingGateway

from gateway.emulator.sites import SYDNEY

BASE = f"/integrator/sites/{SYDNEY}/fhir/R4"
DESKTOP = f"/desktop/sites/{SYDNEY}/fhir/R4"
#: Fields that do not belong to the integrator's credential.
DISGUISES = ["DeviceId", "Authorization", "User-Agent", "X-Forwarded-For", "Accept-Language", "Prefer"]


@pytest.mark.parametrize("kind", ["quota", "rate-limit", "login-failed"])
@pytest.mark.parametrize("field", DISGUISES)
def test_other_field_does_not_end_a_pause(gateway: FailingGateway, kind: str, field: str) -> None:
    gateway.pair.fault(kind=kind, **({"per_second": 0} if kind == "rate-limit" else {}))
    for number in range(8):
        headers = KEY | {field: f"x{number}", "Prefer": "wait=0"}
        assert gateway.ask("GET", f"{BASE}/Patient/1", headers=headers).status_code >= 400
    assert len(gateway.sent_requests("GET")) == 1


@pytest.mark.parametrize("keys", [("demo-key", "bad"), ("bad", "demo-key"), ("demo-key", "demo-key")])
def test_two_keys_are_no_identity(gateway: FailingGateway, keys: tuple[str, str]) -> None:
    fields = [("Ocp-Apim-Subscription-Key", key) for key in keys]
    response = gateway.client.get(f"{gateway.url}{BASE}/Patient/1", headers=fields)
    assert response.status_code == 400
    assert gateway.sent_requests("GET") == []
    assert gateway.ask("GET", f"{BASE}/Patient/1").status_code == 200


def desktop_user(gateway: FailingGateway) -> dict[str, str]:
    """Header fields of a user of the desktop API; each call is another user of the same device."""
    form = {
        "grant_type": "urn:halo-connect:oauth:desktop-token",
        "device_id": "d-1",
        "site_id": SYDNEY,
    }
    token = gateway.client.post(f"{gateway.url}/integrator/token", headers=KEY, data=form).json()
    return {"Authorization": f"Bearer {token['access_token']}", "DeviceId": "d-1"}


def test_page_link_of_a_user_is_closed_to_the_next(gateway: FailingGateway) -> None:
    first, second = desktop_user(gateway), desktop_user(gateway)
    page = gateway.client.get(f"{gateway.url}{DESKTOP}/Patient?_count=2", headers=first).json()
    link = next(link["url"] for link in page["link"] if link["relation"] == "next")
    assert gateway.client.get(link, headers=second).status_code == 404
    assert gateway.client.get(link, headers=first).status_code == 200
