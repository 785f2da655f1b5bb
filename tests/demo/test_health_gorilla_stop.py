"""Steps of the stop for Health Gorilla: right through the gateway, and wrong where something is broken."""

from collections.abc import Iterator

import httpx
import pytest

from gateway.app import create_app
from gateway.demo.health_gorilla_stop import (
    MOUNT,
    STEPS,
    mount_settings,
    run_health_gorilla_stop,
    run_step,
    urls_of,
)
from gateway.emulator.health_gorilla.app import create_health_gorilla
from gateway.emulator.serve import RunningEmulator
from gateway.server.serve import ThreadedServer
from gateway.settings import Settings

HEADERS = {"Authorization": "Bearer demo-token"}


@pytest.fixture(scope="module")
def gorilla() -> Iterator[RunningEmulator]:
    with RunningEmulator(app=create_health_gorilla()) as emulator:
        yield emulator


@pytest.fixture
def gateway(gorilla: RunningEmulator) -> Iterator[str]:
    gorilla.control("POST", "reset")
    settings = Settings.model_validate({"upstreams": {"labs": mount_settings(gorilla.url)}})
    with ThreadedServer(create_app(settings)) as server:
        yield server.url


def test_every_step_is_right_through_the_gateway(
    gorilla: RunningEmulator, gateway: str, capsys: pytest.CaptureFixture[str]
) -> None:
    is_right = run_health_gorilla_stop(gorilla, gateway)
    output = capsys.readouterr().out
    assert is_right, output
    assert output.count("  ok  ") == len(STEPS)
    assert "454 upstream, 410 link-expired here" in output


#: Step -> a fault of the upstream or a setting that makes it fail.
BROKEN = {
    "URLs": ("settings", {"public_url": "https://elsewhere.example"}),
    "pages": ("faults", {"path": "_cursor", "status": 200, "body": {"total": 45, "entry": [], "link": []}}),
    "asynchronous": ("settings", {"polls": 9}),
    "download": ("faults", {"kind": "not-found", "path": "/download/"}),
    "throttle": ("faults", {"path": "/Practitioner", "status": 429, "body": ""}),
}


def test_each_step_has_a_case_that_fails() -> None:
    assert BROKEN.keys() == STEPS.keys()


@pytest.mark.parametrize("name", BROKEN)
def test_step_reports_what_is_broken(gorilla: RunningEmulator, gateway: str, name: str) -> None:
    place, body = BROKEN[name]
    gorilla.control("PATCH" if place == "settings" else "POST", place, body)
    with httpx.Client(base_url=gateway + MOUNT, headers=HEADERS, trust_env=False) as client:
        assert not run_step(STEPS[name], gorilla, client)[1]


def test_step_without_a_server_reports_the_client(gorilla: RunningEmulator) -> None:
    with httpx.Client(base_url="http://127.0.0.1:9", trust_env=False) as client:
        assert run_step(STEPS["URLs"], gorilla, client) == ("the client failed: ConnectError", False)


def test_urls_are_found_at_any_depth() -> None:
    bundle = {
        "link": [{"url": "a"}],
        "entry": [{"fullUrl": "b", "resource": {"subject": {"reference": "c"}}}],
    }
    assert urls_of(bundle) == ["a", "b", "c"]
