"""What the dashboard never shows, sends, or lets another page do."""

from collections.abc import Iterator

import httpx
import pytest
from conftest import KEY, SYDNEY, Pair
from support.browser import free_address
from support.dashboard import DashboardGateway, dashboard_gateway, dashboard_settings
from support.secrets import SECRET

CANARY = "Zzyzx"
PAGES = ("/admin/", "/admin/practices", f"/admin/practices/{SYDNEY}", f"/admin/practices?q={SYDNEY}")
ENDPOINTS = (
    *("/admin/sites", "/admin/sites?view=brief", "/admin/sites?view=troubled", "/admin/today"),
    *("/admin/failures", "/admin/history", f"/admin/history?site={SYDNEY}"),
)


@pytest.fixture
def gateway(pair: Pair) -> Iterator[DashboardGateway]:
    with dashboard_gateway(dashboard_settings(pair.emulator.url, admin={"listen": free_address()})) as found:
        yield found


def send_canaries(gateway: DashboardGateway) -> None:
    """Send requests with a canary in each field that a client fills."""
    base = f"{gateway.url}/integrator/sites/{SYDNEY}/fhir/R4"
    body = {"resourceType": "Patient", "name": [{"family": CANARY}], CANARY: CANARY}
    for path in (
        f"Patient?family={CANARY}",
        f"Patient/{CANARY}",
        f"{CANARY}/1",
        f"Patient?{CANARY}={CANARY}",
    ):
        httpx.get(f"{base}/{path}", headers=KEY, trust_env=False)
    httpx.post(f"{base}/Patient", headers=KEY, json=body, trust_env=False)
    httpx.put(f"{base}/Patient/1", headers=KEY, content=CANARY, trust_env=False)
    for name in (
        "Ocp-Apim-Subscription-Key",
        "Authorization",
        "User-Agent",
        "DeviceId",
        "Gateway-App",
        "Accept",
    ):
        httpx.get(f"{base}/Patient/1", headers=KEY | {name: CANARY}, trust_env=False)
    httpx.get(f"{gateway.url}/integrator/sites/{CANARY}/fhir/R4/Patient/1", headers=KEY, trust_env=False)


def test_no_page_shows_a_value_or_asks_upstream(gateway: DashboardGateway, pair: Pair) -> None:
    send_canaries(gateway)
    sent = len(pair.sent())
    assert sent > 0
    with httpx.Client(base_url=gateway.admin_url, trust_env=False) as client:
        for path in (*PAGES, *ENDPOINTS):
            response = client.get(path)
            assert response.status_code == 200, path
            assert CANARY.lower() not in response.text.lower(), path
        assert "resource-not-found" in client.get("/admin/").text
    assert len(pair.sent()) == sent


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:80"])
@pytest.mark.parametrize("path", ["/admin/", "/admin/sign-in", "/admin/practices"])
def test_page_under_another_name_is_refused(gateway: DashboardGateway, host: str, path: str) -> None:
    response = httpx.get(gateway.admin_url + path, headers={"host": host}, trust_env=False)
    assert response.status_code == 421


def test_json_stays_closed_to_browsers_without_token(gateway: DashboardGateway) -> None:
    for site in ("cross-site", "same-origin", "none"):
        headers = {"sec-fetch-site": site}
        for path in ENDPOINTS:
            assert httpx.get(gateway.admin_url + path, headers=headers, trust_env=False).status_code == 401
        response = httpx.post(gateway.admin_url + "/admin/purge", json={}, headers=headers, trust_env=False)
        assert response.status_code == 401


def test_session_opens_no_json(pair: Pair) -> None:
    with (
        dashboard_gateway(dashboard_settings(pair.emulator.url)) as gateway,
        httpx.Client(base_url=gateway.admin_url, trust_env=False) as client,
    ):
        form = client.get("/admin/sign-in").text
        token = form.split('name="form-token" value="')[1].partition('"')[0]
        fields = {"token": SECRET, "form-token": token}
        origin = {"origin": gateway.admin_url}
        assert client.post("/admin/sign-in", data=fields, headers=origin).status_code == 303
        assert client.get("/admin/").status_code == 200
        for path in ENDPOINTS:
            assert client.get(path).status_code == 401
        assert client.post("/admin/purge", json={"site": SYDNEY}).status_code == 401


def test_clients_port_without_token_has_no_dashboard(gateway: DashboardGateway, pair: Pair) -> None:
    for url in (gateway.url, pair.url):
        for path in ("/admin", "/admin/", "/admin/sign-in"):
            assert httpx.get(url + path, trust_env=False).status_code == 404
