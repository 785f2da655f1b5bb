"""HTML pages of the gateway: links, external content, and display in a browser."""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urldefrag, urljoin, urlsplit

import httpx
import pytest
from conftest import Pair
from support.environment import environment_with

ACCEPT = {"accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
HEADLESS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--enable-logging=stderr", "--log-level=0"),
)
#: Attributes that make a page load a URL.
URL_ATTRIBUTES = {"src", "srcset", "poster", "data", "background", "action", "formaction", "ping", "manifest"}


@dataclass
class Page(HTMLParser):
    """A page with its links, anchors and the URLs that it loads."""

    url: str
    text: str
    links: set[str] = field(default_factory=set)
    anchors: set[str] = field(default_factory=set)
    loaded_urls: list[str] = field(default_factory=list)
    tags: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        super().__init__()
        self.feed(self.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        for name, value in attrs:
            if name == "id":
                self.anchors.add(value or "")
            if name == "href" and tag == "a":
                self.links.add(urljoin(self.url, value))
            elif name == "href" or name in URL_ATTRIBUTES:
                self.loaded_urls.append(value or "")
            assert name != "style", "the policy allows no style attribute"
            assert not name.startswith("on"), "the policy allows no script"


def crawl(root: str) -> dict[str, Page]:
    """Pages reachable from the root, by URL. Fails unless each link has status 200."""
    pages: dict[str, Page] = {}
    pending, known_urls = [root], {root}
    with httpx.Client(trust_env=False, headers=ACCEPT) as client:
        while pending:
            url = pending.pop()
            response = client.get(url)
            assert response.status_code == 200, url
            if response.headers["content-type"].startswith("text/html"):
                pages[url] = Page(url, response.text)
                links = {urldefrag(link).url for link in pages[url].links} - known_urls
                pending += sorted(link for link in links if link.startswith(root))
                known_urls |= links
    return pages


def test_every_link_and_anchor_exists(pair: Pair) -> None:
    pages = crawl(f"{pair.url}/")
    assert {f"{pair.url}/", f"{pair.url}/docs/", f"{pair.url}/docs/cache.md"} <= set(pages)
    for page in pages.values():
        for link in page.links:
            url, anchor = urldefrag(link)
            assert not anchor or url not in pages or anchor in pages[url].anchors, link
    assert pair.sent() == []


def test_no_page_loads_external_content(pair: Pair) -> None:
    for page in crawl(f"{pair.url}/").values():
        assert [url for url in page.loaded_urls if not url.startswith("data:")] == [], page.url
        assert not page.tags & {"script", "iframe", "object", "embed", "form", "img"}, page.url
        assert not re.search(r"@import|url\(", page.text), page.url


@cache
def browser() -> str:
    return shutil.which("chromium") or ""


@pytest.fixture
def profile(tmp_path: Path) -> Path:
    """Directory for a browser profile; without chromium, skip, or fail if REQUIRE_EVERYTHING=1."""
    if not browser():
        if os.environ.get("REQUIRE_EVERYTHING") == "1":
            pytest.fail("chromium is not installed")
        pytest.skip("chromium is not installed")
    return tmp_path / "profile"


def render(url: str, profile: Path) -> str:
    """Document as rendered by the browser. Fails if the page violates its own content security policy."""
    command = [browser(), *HEADLESS, f"--user-data-dir={profile}", "--dump-dom", url]
    completed = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert "CONSOLE" not in completed.stderr, completed.stderr
    return completed.stdout


@pytest.mark.parametrize(
    ("path", "heading"),
    [
        ("/", "<h1>Halo FHIR gateway</h1>"),
        ("/docs", "<h1>Documentation</h1>"),
        ("/docs/errors.md#the-gateways-own", '<h2 id="the-gateways-own">'),
        ("/nowhere/at/all", "<h1>Not found</h1>"),
    ],
)
def test_browser_shows_the_page(pair: Pair, profile: Path, path: str, heading: str) -> None:
    assert heading in render(pair.url + path, profile)


def test_demo_url_opens_in_a_browser(profile: Path) -> None:
    command = [sys.executable, "-m", "gateway", "demo", "--host", "0.0.0.0", "--port", "0"]  # noqa: S104 - tests this address
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment_with()) as demo:
        try:
            assert demo.stdout is not None
            output = ""
            while "Ctrl-C" not in output and (line := demo.stdout.readline()):
                output += line
            url = re.findall(r"^  (http://\S+)$", output, re.MULTILINE)[0]
            assert urlsplit(url).hostname == "127.0.0.1"
            assert '<h2>Health: <span class="pass">pass</span></h2>' in render(url, profile)
        finally:
            demo.terminate()
    assert demo.returncode == 0
