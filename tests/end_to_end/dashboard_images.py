"""Pictures of the dashboard in docs/images, which `make images` writes: synthetic data of the emulator."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest
from conftest import ROOT, SYDNEY
from playwright.sync_api import Browser, expect
from support.browser import browser_context, launched_browser
from support.dashboard import DashboardGateway, dashboard_gateway, dashboard_settings, use_gateway
from support.secrets import SECRET

from gateway.emulator.serve import RunningEmulator
from gateway.emulator.settings import EmulatorSettings

FOLDER = ROOT / "docs" / "images"
#: Path, color scheme and height of each picture.
IMAGES = {
    "dashboard-light.png": ("/admin/", "light", 1_180),
    "dashboard-dark.png": ("/admin/", "dark", 760),
    "dashboard-practice.png": (f"/admin/practices/{SYDNEY}", "light", 900),
}
MAX_BYTES = 400_000
PNG = b"\x89PNG\r\n\x1a\n"


class Clock:
    """A time that the test moves, from six hours ago to now: circuits and pauses have the machine's clock."""

    def __init__(self) -> None:
        self.time = datetime.now(UTC) - timedelta(hours=6)

    def __call__(self) -> datetime:
        return self.time


def send_a_day(gateway: DashboardGateway, clock: Clock) -> None:
    """Send requests for six hours, with more of them in the morning."""
    random = Random(7)
    for interval in range(72):
        clock.time += timedelta(minutes=5)
        for _ in range(random.randint(1, 3 + abs(40 - interval) // 10)):
            path = random.choice(
                ("Patient/{}", "Patient/{}", "Appointment?patient={}", "Condition?patient={}")
            )
            gateway.fhir(path.format(random.randint(1, 9)))
        if random.random() < 0.15:
            gateway.fhir(f"Patient/none-{interval}")


@pytest.fixture
def browser() -> Iterator[Browser]:
    with launched_browser() as launched:
        yield launched


def test_images_are_written(browser: Browser) -> None:
    clock = Clock()
    with (
        RunningEmulator(EmulatorSettings(patients=30, documents=5)) as emulator,
        dashboard_gateway(dashboard_settings(emulator.url, 150), clock) as gateway,
    ):
        send_a_day(gateway, clock)
        use_gateway(gateway, emulator)
        FOLDER.mkdir(exist_ok=True)
        for name, (path, scheme, height) in IMAGES.items():
            write_image(browser, gateway, FOLDER / name, path, scheme, height)


def write_image(
    browser: Browser, gateway: DashboardGateway, file: Path, path: str, scheme: str, height: int
) -> None:
    with browser_context(
        browser, color_scheme=scheme, viewport={"width": 1_000, "height": height}
    ) as context:
        page = context.new_page()
        page.goto(f"{gateway.admin_url}/admin/")
        page.get_by_label("Admin token").fill(SECRET)
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("heading", name="Dashboard")).to_be_visible()
        page.goto(gateway.admin_url + path)
        page.screenshot(path=file, animations="disabled")


def test_images_are_small_and_shown_in_the_docs() -> None:
    text = (ROOT / "docs" / "dashboard.md").read_text(encoding="utf-8")
    files = sorted(FOLDER.iterdir())
    assert [file.name for file in files] == sorted(IMAGES)
    assert all(f"](images/{file.name})" in text for file in files)
    assert all(file.read_bytes().startswith(PNG) for file in files)
    assert sum(file.stat().st_size for file in files) < MAX_BYTES
