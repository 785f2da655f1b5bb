"""What a page of another origin can do to a dashboard without sign-in, in a real browser."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import httpx
import pytest
from conftest import Pair
from playwright.sync_api import Browser, Page, expect
from support.browser import browser_context, free_address, launched_browser
from support.dashboard import DashboardGateway, dashboard_gateway, dashboard_settings


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launched_browser() as launched:
        yield launched


@pytest.fixture
def gateway(pair: Pair) -> Iterator[DashboardGateway]:
    with dashboard_gateway(dashboard_settings(pair.emulator.url, admin={"listen": free_address()})) as found:
        pair.fault(kind="quota", times=1)
        found.fhir("Patient/1")
        yield found


class EvilPage(BaseHTTPRequestHandler):
    """An empty page of another site."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>Evil</title><body>")

    def log_message(self, *_: object) -> None:
        """Write no log."""


@pytest.fixture
def evil_url() -> Iterator[str]:
    """URL of a page of another site, whose script knows the URL of the dashboard."""
    with ThreadingHTTPServer(("127.0.0.1", 0), EvilPage) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://localhost:{server.server_port}"
        server.shutdown()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    with browser_context(browser) as context:
        yield context.new_page()


def pauses(gateway: DashboardGateway) -> int:
    answer = httpx.get(f"{gateway.admin_url}/admin/pauses", trust_env=False).json()
    return len(answer["pauses"])


def test_operator_needs_no_sign_in_and_may_follow_a_link(
    page: Page, gateway: DashboardGateway, evil_url: str
) -> None:
    page.goto(evil_url)
    page.evaluate("url => { location = url }", f"{gateway.admin_url}/admin/")
    expect(page.get_by_role("heading", name="Dashboard")).to_be_visible()
    page.get_by_role("button", name="End pause quota").click()
    expect(page.get_by_text("The pause has ended.")).to_be_visible()
    assert pauses(gateway) == 0


def test_other_page_reads_nothing(page: Page, gateway: DashboardGateway, evil_url: str) -> None:
    page.goto(evil_url)
    for path in ("/admin/", "/admin/pauses", "/admin/sites"):
        read = "url => fetch(url).then(answer => answer.text(), error => 'refused')"
        assert page.evaluate(read, gateway.admin_url + path) == "refused"
    embed = """url => new Promise(resolve => {
        const frame = document.createElement("iframe");
        frame.addEventListener("load", () => resolve(true));
        frame.src = url;
        document.body.append(frame);
    })"""
    page.evaluate(embed, f"{gateway.admin_url}/admin/")
    assert "Dashboard" not in [frame.title() for frame in page.frames]
    opened = page.evaluate("url => { window.other = open(url); return true }", f"{gateway.admin_url}/admin/")
    assert opened
    page.wait_for_function("window.other === null || window.other.closed", timeout=10_000)


def test_other_page_changes_nothing(page: Page, gateway: DashboardGateway, evil_url: str) -> None:
    page.goto(evil_url)
    pause = httpx.get(f"{gateway.admin_url}/admin/pauses", trust_env=False).json()["pauses"][0]["pause"]
    post = """([url, type, body]) => fetch(url, {method: "POST", mode: "no-cors", body,
        headers: {"content-type": type}}).then(() => null, () => null)"""
    form = ("application/x-www-form-urlencoded", f"pause={pause}")
    for path, (type_, body) in (
        ("/admin/pauses/end", form),
        ("/admin/pauses/clear", ("text/plain", f'{{"pause": "{pause}"}}')),
    ):
        page.evaluate(post, [gateway.admin_url + path, type_, body])
    submit = """([url, pause]) => {
        const form = Object.assign(document.createElement("form"), {method: "post", action: url});
        form.append(Object.assign(document.createElement("input"), {name: "pause", value: pause}));
        document.body.append(form);
        form.submit();
    }"""
    with page.expect_response("**/admin/pauses/end") as response:
        page.evaluate(submit, [f"{gateway.admin_url}/admin/pauses/end", pause])
    assert response.value.status == 403
    assert pauses(gateway) == 1
