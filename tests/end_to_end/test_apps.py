"""Apps of one key through a whole gateway: each gets data of its own age, also on the fast path."""

from collections.abc import Iterator

import httpx
import pytest
from conftest import KEY, Pair, settings_for
from structlog.testing import capture_logs

from gateway.app import create_app
from gateway.emulator.sites import SYDNEY
from gateway.http.callers import fingerprint
from gateway.server.serve import ThreadedServer
from gateway.settings import Settings

BASE = f"/integrator/sites/{SYDNEY}/fhir/R4/"
DIARY = "Appointment?date=2026-04-01"
APPS = {
    "kiosk": {"user_agent": "Kiosk/*", "purpose": "booking"},
    "board": {
        "callers": [fingerprint(tuple((name.lower(), value) for name, value in KEY.items()))],
        "user_agent": "Board/*",
        "purpose": "display",
    },
}
BOARD, KIOSK = {"user-agent": "Board/1"}, {"user-agent": "Kiosk/1"}


class Gateway:
    """A gateway whose monotonic clock can be advanced."""

    def __init__(self, upstream: str) -> None:
        self.seconds = 1_000.0
        document = settings_for(upstream).model_dump(exclude_unset=True, mode="json")
        settings = Settings.model_validate(document | {"cache": {"profile": "balanced"}, "apps": APPS})
        self.app = create_app(settings, monotonic=lambda: self.seconds)
        self.url = ""

    def get(self, headers: dict[str, str]) -> httpx.Response:
        return httpx.get(f"{self.url}{BASE}{DIARY}", headers=KEY | headers, trust_env=False)

    def ages(self, headers: dict[str, str], times: int = 3) -> list[str]:
        """Ages of equal requests, of which all but the first take the fast path; empty for a miss."""
        return [self.get(headers).headers.get("age", "") for _ in range(times)]


@pytest.fixture
def gateway(pair: Pair) -> Iterator[Gateway]:
    gateway = Gateway(pair.emulator.url)
    with ThreadedServer(gateway.app) as server:
        gateway.url = server.url
        yield gateway


def test_equal_requests_differ_by_user_agent(gateway: Gateway) -> None:
    assert gateway.ages(BOARD) == ["", "0", "0"]
    gateway.seconds += 12
    assert gateway.ages(BOARD) == ["12", "12", "12"]
    assert "detail=display" in gateway.get(BOARD).headers["cache-status"]
    assert gateway.ages(KIOSK) == ["", "0", "0"]
    gateway.seconds += 6
    assert gateway.ages(KIOSK) == ["", "0", "0"]
    gateway.seconds += 31
    assert gateway.ages(BOARD) == ["", "0", "0"]


def test_header_names_the_app_and_is_not_sent_on(gateway: Gateway) -> None:
    named = {"gateway-app": "board", "user-agent": "x"}
    gateway.ages(named)
    gateway.seconds += 12
    assert gateway.ages(named) == ["12", "12", "12"]
    assert gateway.ages({"user-agent": "x"}) == ["", "0", "0"]
    gateway.seconds += 12
    twice = [*KEY.items(), ("user-agent", "x"), ("gateway-app", "board"), ("gateway-app", "board")]
    assert "age" not in httpx.get(f"{gateway.url}{BASE}{DIARY}", headers=twice, trust_env=False).headers


def test_log_has_the_app_and_no_name_as_sent(gateway: Gateway) -> None:
    with capture_logs() as lines:
        gateway.ages(BOARD)
        gateway.get({"gateway-app": "zzyzx-private"})
    apps = [line["app"] for line in lines if line["event"] == "request"]
    assert apps == ["board", "board", "board", "other"]
    assert "zzyzx" not in str(lines)


def test_entry_of_a_batch_is_of_its_app(gateway: Gateway) -> None:
    entries = [{"request": {"method": "GET", "url": DIARY}}]
    bundle = {"resourceType": "Bundle", "type": "batch", "entry": entries}
    with capture_logs() as lines:
        httpx.post(gateway.url + BASE, json=bundle, headers=KEY | BOARD, trust_env=False)
    assert {line["app"] for line in lines if line["event"] == "request"} == {"board"}
