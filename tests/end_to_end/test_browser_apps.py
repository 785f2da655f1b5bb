"""Pages of other origins in a real browser: a listed one works with FHIR, any other reads nothing."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest
from conftest import KEY, ROOT, Pair, settings_for
from playwright.sync_api import Browser, Page
from support.browser import launched_browser
from support.server_thread import ServerThread

from gateway.app import create_app
from gateway.emulator.sites import SYDNEY
from gateway.server.serve import ThreadedServer
from gateway.settings import Settings

FHIR = {"content-type": "application/fhir+json"}
#: What an app does: `fetch`, and what it then sees; the name of the error if the browser refuses.
CALL = """async ([url, options]) => {
  try {
    const response = await fetch(url, options);
    const text = await response.text();
    return {
      status: response.status,
      headers: Object.fromEntries(response.headers),
      body: text ? JSON.parse(text) : null,
    };
  } catch (error) { return { error: error.name }; }
}"""
REFUSED = {"error": "TypeError"}


class _AppHandler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>App</title><p>App")

    def log_message(self, *_: Any) -> None:
        """Log nothing."""


class AppServer(ServerThread):
    """Server of a page, on a port and so an origin of its own."""

    def __init__(self) -> None:
        super().__init__(ThreadingHTTPServer(("127.0.0.1", 0), _AppHandler))


@dataclass
class App:
    """A page of one origin, which calls the FHIR base of a practice with its user's token."""

    page: Page
    base: str
    credentials: dict[str, str]

    def call(self, path: str, method: str = "GET", body: str | None = None, **headers: str) -> dict[str, Any]:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        options = {"method": method, "headers": self.credentials | named}
        if body is not None:
            options["body"] = body
        url = path if path.startswith("http") else f"{self.base}/{path}"
        answer: dict[str, Any] = self.page.evaluate(CALL, [url, options])
        return answer


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launched_browser() as launched:
        yield launched


@pytest.fixture(scope="module")
def origins() -> Iterator[tuple[str, str]]:
    """Origin of the app, and one that is not listed."""
    with AppServer() as listed, AppServer() as unlisted:
        yield listed.url, unlisted.url


@pytest.fixture
def gateway(pair: Pair, origins: tuple[str, str], request: pytest.FixtureRequest) -> Iterator[str]:
    """URL of a gateway that lists the app, in front of a site that keeps conditions."""
    forms = ["create", "version"]
    pair.settings(variants={"conditional_writes": {"promised": forms, "honoured": forms}})
    cors = {"origins": [origins[0]]} | getattr(request, "param", {})
    values = settings_for(pair.emulator.url).model_dump(mode="json") | {"cors": cors, "cache": {}}
    with ThreadedServer(create_app(Settings.model_validate(values))) as server:
        yield server.url


def all_ids(pair: Pair) -> list[str]:
    """Ids of all patients of the practice; there are more than one page of them."""
    ids = [entry["resource"]["id"] for entry in pair.straight("Patient?_count=100").json()["entry"]]
    assert len(ids) > 10
    return ids


def open_app(browser: Browser, origin: str, gateway: str) -> App:
    form = f"grant_type=urn:halo-connect:oauth:desktop-token&device_id=d-1&site_id={SYDNEY}"
    answer = httpx.post(
        f"{gateway}/integrator/token",
        content=form,
        headers=KEY | {"content-type": "application/x-www-form-urlencoded"},
        trust_env=False,
    )
    page = browser.new_context().new_page()
    page.goto(origin)
    credentials = {"authorization": f"Bearer {answer.json()['access_token']}", "deviceid": "d-1"}
    return App(page, f"{gateway}/desktop/sites/{SYDNEY}/fhir/R4", credentials)


@pytest.fixture
def app(browser: Browser, origins: tuple[str, str], gateway: str) -> Iterator[App]:
    opened = open_app(browser, origins[0], gateway)
    yield opened
    opened.page.context.close()


@pytest.fixture
def stranger(browser: Browser, origins: tuple[str, str], gateway: str) -> Iterator[App]:
    """The same page on an origin that is not listed."""
    opened = open_app(browser, origins[1], gateway)
    yield opened
    opened.page.context.close()


def test_page_reads_searches_and_follows_links(pair: Pair, app: App) -> None:
    patient = app.call("Patient/1")
    assert (patient["status"], patient["body"]["id"]) == (200, "1")
    assert patient["headers"]["etag"].startswith('W/"')
    page = app.call("Patient?_count=4")
    ids: list[str] = []
    while page:
        assert page["status"] == 200
        ids += [entry["resource"]["id"] for entry in page["body"]["entry"]]
        links = {link["relation"]: link["url"] for link in page["body"]["link"]}
        page = app.call(links["next"]) if "next" in links else {}
    assert ids == all_ids(pair)


def test_browser_keeps_answers_that_have_not_changed(pair: Pair, app: App) -> None:
    pair.settings(variants={"conditional_writes": {"promised": [], "honoured": []}})
    first = app.call("Patient/1")
    statuses: list[tuple[int, str]] = []
    app.page.on("response", lambda found: statuses.append((found.status, found.headers["cache-status"])))
    repeated = [app.call("Patient/1") for _ in range(4)]
    assert all(answer["body"] == first["body"] for answer in repeated)
    assert all("; hit" in status for _, status in statuses)
    asked = app.call("Patient/1", if_none_match=first["headers"]["etag"])
    assert (asked["status"], asked["headers"]["etag"]) == (304, first["headers"]["etag"])


def test_page_creates_and_updates_with_conditions(app: App) -> None:
    created = app.call("Patient", "POST", '{"resourceType": "Patient", "gender": "other"}', **FHIR)
    location = created["headers"]["location"]
    assert created["status"] == 201
    assert location.startswith(app.base)
    path = location.removeprefix(f"{app.base}/").partition("/_history")[0]
    tag = created["headers"]["etag"]
    resource = f'{{"resourceType": "Patient", "id": "{path.partition("/")[2]}", "gender": "female"}}'
    assert app.call(path, "PUT", resource, if_match=tag, **FHIR)["status"] == 200
    conflict = app.call(path, "PUT", resource, if_match='W/"99"', **FHIR)
    assert (conflict["status"], conflict["body"]["resourceType"]) == (412, "OperationOutcome")
    assert app.call(path)["body"]["gender"] == "female"


def test_page_sees_how_long_to_wait(pair: Pair, app: App) -> None:
    pair.fault(kind="rate-limit", per_second=0)
    answer = app.call("Patient/2")
    assert (answer["status"], answer["body"]["resourceType"]) == (429, "OperationOutcome")
    assert int(answer["headers"]["retry-after"]) > 0
    assert answer["headers"]["x-request-id"]


def test_page_sees_errors_of_the_gateway(app: App) -> None:
    for path, status in (("Patient?_count=x", 400), ("Nothing/1", 404)):
        answer = app.call(path)
        assert (answer["status"], answer["body"]["resourceType"]) == (status, "OperationOutcome")
    app.credentials = {}
    assert app.call("Patient/1")["status"] == 401


def test_page_of_an_unlisted_origin_reads_nothing(pair: Pair, app: App, stranger: App) -> None:
    tag = app.call("Patient/1")["headers"]["etag"]
    sent = len(pair.sent())
    resource = '{"resourceType": "Patient", "id": "1", "gender": "female"}'
    for _ in range(2):
        assert stranger.call("Patient/1") == REFUSED
        assert stranger.call("Patient?_count=4") == REFUSED
        assert stranger.call("Patient", "POST", resource, **FHIR) == REFUSED
        assert stranger.call("Patient/1", "PUT", resource, if_match=tag, **FHIR) == REFUSED
        assert app.call("Patient/1")["status"] == 200
    assert len(pair.sent()) == sent
    stranger.credentials = {}
    assert stranger.call("Patient/1") == REFUSED


def test_page_of_any_origin_reads_the_statement(stranger: App) -> None:
    answer = stranger.call("metadata")
    assert (answer["status"], answer["body"]["resourceType"]) == (200, "CapabilityStatement")


@pytest.mark.parametrize(
    ("gateway", "expected"),
    [({}, None), ({"subscription_key": True}, 200)],
    ids=["off", "on"],
    indirect=["gateway"],
)
def test_page_sends_the_key_only_by_the_switch(app: App, expected: int | None) -> None:
    app.base, app.credentials = app.base.replace("/desktop/", "/integrator/"), KEY
    answer = app.call("Patient/1")
    assert answer.get("status") == expected
    assert (answer == REFUSED) is (expected is None)


@pytest.mark.parametrize("gateway", [{"origins": ["*"]}], indirect=True)
def test_page_of_any_origin_reads_all_by_star(stranger: App) -> None:
    answers = [stranger.call("Patient/1") for _ in range(3)]
    assert [answer["status"] for answer in answers] == [200] * 3


def test_example_of_the_page_runs(pair: Pair, app: App) -> None:
    page = (ROOT / "docs" / "browser-apps.md").read_text(encoding="utf-8")
    (script,) = re.findall(r"^```js\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    arguments = [app.base, app.credentials["authorization"].removeprefix("Bearer "), "d-1"]
    ids = app.page.evaluate(f"async ([base, token, device]) => {{ {script} return ids; }}", arguments)
    assert ids == all_ids(pair)
