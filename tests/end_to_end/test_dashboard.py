"""The dashboard in a real browser: contents, keyboard, contrast, refresh, and what other pages may do."""

import re
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from axe_playwright_python.sync_playwright import Axe
from conftest import SYDNEY
from playwright.sync_api import Browser, ConsoleMessage, Page, expect
from support.browser import browser_context, launched_browser
from support.dashboard import NAMES, DashboardGateway, dashboard_gateway, dashboard_settings, use_gateway
from support.secrets import SECRET

from gateway.emulator.serve import RunningEmulator
from gateway.emulator.settings import EmulatorSettings

PAGES = ("/admin/", "/admin/practices", "/admin/pauses/list", f"/admin/practices/{SYDNEY}", "/admin/sign-in")


@pytest.fixture(scope="module")
def gateway() -> Iterator[DashboardGateway]:
    settings = EmulatorSettings(patients=30, documents=5)
    with ExitStack() as stack:
        emulator = stack.enter_context(RunningEmulator(settings))
        found = stack.enter_context(dashboard_gateway(dashboard_settings(emulator.url, 150)))
        use_gateway(found, emulator)
        yield found


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launched_browser() as launched:
        yield launched


def sign_in(page: Page, gateway: DashboardGateway, token: str = SECRET) -> None:
    page.goto(f"{gateway.admin_url}/admin/")
    page.get_by_label("Admin token").fill(token)
    page.get_by_role("button", name="Sign in").click()


def messages_of(page: Page) -> list[str]:
    """What the page writes to the console from now on, such as violations of its policy."""
    messages: list[str] = []

    def add(message: ConsoleMessage) -> None:
        messages.append(message.text)

    page.on("console", add)
    page.on("pageerror", lambda error: messages.append(str(error)))
    return messages


@pytest.fixture
def page(browser: Browser, gateway: DashboardGateway) -> Iterator[Page]:
    """A signed-in operator's page, which writes nothing to the console."""
    with browser_context(browser) as context:
        opened = context.new_page()
        messages = messages_of(opened)
        sign_in(opened, gateway)
        expect(opened.get_by_role("heading", name="Dashboard")).to_be_visible()
        opened.wait_for_load_state()  # a heading is there before the rest of its page
        yield opened
    assert messages == []


def test_dashboard_shows_each_part(page: Page) -> None:
    for text in ("river-road", "circuit open", "practice-offline", "waiting-room", "AUD", "upstream-quota"):
        assert text in page.inner_text("main"), text
    for heading in ("Practices with a problem", "Today", "Last six hours", "Pauses", "Cache", "Purge"):
        expect(page.get_by_role("heading", name=heading, exact=True)).to_be_visible()
    expect(page.get_by_role("img", name="Failures: in five minutes at most")).to_be_visible()
    assert page.locator("section").first.locator("tbody tr").first.inner_text().startswith("river-road")


def test_search_finds_practices_and_links_to_pages(page: Page, gateway: DashboardGateway) -> None:
    page.get_by_role("link", name="Practices", exact=True).click()
    expect(page.get_by_text("152 of 152 practices")).to_be_visible()
    expect(page.locator("tbody tr")).to_have_count(100)
    page.get_by_role("link", name="Next page").click()
    expect(page.locator("tbody tr")).to_have_count(52)
    page.get_by_label("Name or GUID contains").fill("HARBOUR")
    page.keyboard.press("Enter")
    page.get_by_role("link", name="harbour-street").click()
    expect(page).to_have_url(f"{gateway.admin_url}/admin/practices/{SYDNEY}")
    expect(page.get_by_role("heading", name=NAMES[SYDNEY])).to_be_visible()
    expect(page.get_by_role("img", name="Saved queries:")).to_be_visible()


def test_keyboard_alone_skips_and_purges(page: Page) -> None:
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    page.get_by_label("Practice (alias or GUID)").focus()
    for text in ("harbour-street", "Patient", "Zzyzx-1"):
        page.keyboard.type(text)
        page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Purge …")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Purge?")).to_be_visible()
    page.wait_for_load_state()
    assert "All responses of type Patient that may concern the patient" in page.inner_text("main")
    assert "Zzyzx" not in page.url + page.inner_text("body")
    page.get_by_role("button", name="Purge now").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Purged")).to_be_visible()
    page.wait_for_load_state()
    assert "Zzyzx" not in page.url + page.content()


def test_tab_order_is_that_of_the_page(page: Page) -> None:
    names = []
    for _ in range(6):
        page.keyboard.press("Tab")
        names.append(
            page.evaluate("document.activeElement.textContent.trim().split(String.fromCharCode(10))[0]")
        )
    assert names == [
        *("Skip to the content", "Dashboard", "Practices", "Documentation"),
        *("Pause refreshing", "Sign out"),
    ]


def test_refresh_swaps_the_content_and_pauses(page: Page, gateway: DashboardGateway) -> None:
    page.clock.install()
    page.reload()
    figure = page.locator("#failures tr", has_text="type-unknown").locator("td").first
    count = figure.inner_text()
    gateway.fhir("Nonsense/1")
    page.get_by_label("Patient id").focus()
    page.clock.run_for(11_000)
    expect(figure).to_have_text(count)
    page.evaluate("document.activeElement.blur()")
    page.clock.run_for(11_000)
    expect(figure).to_have_text(str(int(count) + 1))
    page.get_by_role("button", name="Pause refreshing").click()
    expect(page.get_by_role("button", name="Refresh again")).to_be_visible()
    gateway.fhir("Nonsense/1")
    page.clock.run_for(11_000)
    expect(figure).to_have_text(str(int(count) + 1))


def test_refresh_keeps_the_focus(page: Page) -> None:
    page.clock.install()
    page.reload()
    page.get_by_role("link", name="river-road").focus()
    page.evaluate("document.querySelector('main h1').textContent = 'Old'")
    page.clock.run_for(11_000)
    expect(page.get_by_role("heading", name="Dashboard")).to_be_visible()
    expect(page.get_by_role("link", name="river-road")).to_be_focused()


def test_pages_work_without_script(browser: Browser, gateway: DashboardGateway) -> None:
    with browser_context(browser, java_script_enabled=False) as context:
        page = context.new_page()
        sign_in(page, gateway)
        expect(page.get_by_role("button", name="Pause refreshing")).to_have_count(0)
        page.get_by_label("Practice (alias or GUID)").fill("harbour-street")
        page.get_by_role("button", name="Purge …").click()
        page.get_by_role("button", name="Purge now").click()
        expect(page.get_by_role("heading", name="Purged")).to_be_visible()
        page.get_by_role("button", name="Sign out").click()
        page.goto(f"{gateway.admin_url}/admin/")
        expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_wrong_token_opens_nothing(browser: Browser, gateway: DashboardGateway) -> None:
    with browser_context(browser) as context:
        page = context.new_page()
        sign_in(page, gateway, "Zzyzx")
        expect(page.get_by_role("alert")).to_have_text("This is not the admin token.")
        assert "Zzyzx" not in page.content()
        assert context.cookies() == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_keep_the_rules_of_axe(browser: Browser, gateway: DashboardGateway, scheme: str) -> None:
    with browser_context(browser, color_scheme=scheme) as context:
        page = context.new_page()
        sign_in(page, gateway)
        for path in PAGES:
            page.goto(gateway.admin_url + path)
            results = Axe().run(page)
            assert results.violations_count == 0, results.generate_report()


def test_end_of_pause_needs_one_button(page: Page, gateway: DashboardGateway) -> None:
    button = page.get_by_role("button", name="End pause quota of waiting-room")
    button.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("The pause has ended.")).to_be_visible()
    expect(button).to_have_count(0)
    assert gateway.operator("GET", "/admin/pauses")["pauses"] == []
    expect(page).not_to_have_url(re.compile("done="))
