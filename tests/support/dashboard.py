"""A gateway with many practices, troubles and apps, as its dashboard shows it; all data is synthetic."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import httpx
from conftest import KEY, settings_for
from structlog.testing import capture_logs
from support.secrets import SECRET

from gateway.app import create_app
from gateway.emulator.serve import RunningEmulator
from gateway.emulator.sites import BRISBANE, SYDNEY
from gateway.http.callers import ledger_label
from gateway.runtime import utc_now
from gateway.server.serve import ThreadedServer
from gateway.settings import Settings

NAMES: Final = {SYDNEY: "harbour-street", BRISBANE: "river-road"}
OTHER_KEY: Final = {"Ocp-Apim-Subscription-Key": "demo-key-2"}


def made_up_guid(number: int) -> str:
    """GUID of a practice that no emulator knows."""
    return str(UUID(int=2**124 + 7_919 * number))


def dashboard_settings(url: str, practices: int = 0, **sections: Any) -> Settings:
    """Settings of a gateway with prices, caps, an app and further practices."""
    known = settings_for(url).model_dump(mode="json", exclude_unset=True)["sites"]
    sites = {guid: site | {"name": NAMES[guid]} for guid, site in known.items() if guid in NAMES}
    sites[SYDNEY] |= {"caps": {"queries": 120}}
    further = {
        made_up_guid(number): {"name": f"practice-{number:04}", "time_zone": "Australia/Sydney"}
        for number in range(practices)
    }
    label = ledger_label(tuple((name.lower(), value) for name, value in KEY.items()))
    return Settings.model_validate(
        {
            "upstream": {"url": url},
            "sites": sites | further,
            "ledger": {
                "price_per_query": 0.02,
                "price_per_megabyte": 0.5,
                "currency": "AUD",
                "callers": {label: {"name": "waiting-room"}},
            },
            "admin": {"token": SECRET},
            "circuit_breaker": {"initial_open_seconds": 120},  # a browser may take longer than the usual 5
            "retry": {"budget_ratio": 0, "budget_min_per_hour": 0, "max_wait_seconds": 1},
        }
        | sections
    )


@dataclass(frozen=True)
class DashboardGateway:
    """A running gateway, its URL, and that of the operators' port, or the same."""

    url: str
    admin_url: str

    def fhir(self, path: str, guid: str = SYDNEY, **headers: str) -> httpx.Response:
        """Send a client's request."""
        url = f"{self.url}/integrator/sites/{guid}/fhir/R4/{path}"
        return httpx.get(url, headers=KEY | headers, timeout=30, trust_env=False)

    def operator(self, method: str, path: str, **content: str) -> Any:
        """Send a program's request to an operators' endpoint; return its JSON."""
        headers = {"authorization": f"Bearer {SECRET}"}
        response = httpx.request(
            method, self.admin_url + path, headers=headers, json=content or None, trust_env=False
        )
        assert response.status_code == 200, response.text
        return response.json()


@contextmanager
def dashboard_gateway(
    settings: Settings, now: Callable[[], datetime] = utc_now
) -> Iterator[DashboardGateway]:
    """A gateway with these settings and this clock, and without its log."""
    with capture_logs(), ThreadedServer(create_app(settings, now=now)) as server:
        listen = settings.admin.listen
        yield DashboardGateway(server.url, f"http://{listen}" if listen else server.url)


def use_gateway(gateway: DashboardGateway, emulator: RunningEmulator) -> None:
    """Send requests so that each part of the dashboard has something to show."""
    for _ in range(3):
        for path in ("metadata", "Patient?family=Nguyen", "Patient/1", "Patient/2", "Appointment?_count=5"):
            gateway.fhir(path)
    gateway.fhir("Patient/1", BRISBANE)
    gateway.fhir("Patient/0")
    gateway.fhir("Nonsense/1")
    emulator.control("POST", "faults", {"kind": "offline", "site": BRISBANE, "times": 1})
    gateway.fhir("Patient/3", BRISBANE)
    emulator.control("POST", "faults", {"kind": "quota", "times": 1})
    gateway.fhir("Patient/4")
