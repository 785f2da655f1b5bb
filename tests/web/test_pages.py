"""HTML pages of the gateway."""

import re
from base64 import b64encode
from hashlib import sha256

import pytest
from markupsafe import Markup
from support.asgi import asgi_request

from gateway.web.pages import html_page, load_template, relative_root

EVIL = "<script>alert('x')</script>\" onload=\"x"


def test_page_escapes_values_that_are_no_markup() -> None:
    html = bytes(html_page(asgi_request(), EVIL, Markup("<p>{}</p>").format(EVIL)).body).decode()
    assert "<script" not in html
    assert html.count("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&#34; onload=&#34;x") == 2


def test_page_allows_its_own_style_only() -> None:
    response = html_page(asgi_request(), "Title", Markup("<p>text</p>"))
    (style,) = re.findall(r"<style>(.*?)</style>", bytes(response.body).decode(), re.DOTALL)
    style_hash = b64encode(sha256(style.encode()).digest()).decode()
    policy = response.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; ")
    assert f"style-src 'sha256-{style_hash}'" in policy
    assert "script-src" not in policy
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["referrer-policy"] == "no-referrer"


def test_page_has_the_given_status_and_headers() -> None:
    response = html_page(asgi_request(), "Title", Markup(), 404, {"allow": "GET"})
    assert (response.status_code, response.headers["allow"]) == (404, "GET")


def test_page_has_landmarks_language_and_title() -> None:
    html = bytes(html_page(asgi_request(), "Errors", Markup("<h1>Errors</h1>")).body).decode()
    for tag in ('<html lang="en">', "<title>Errors · ", "<main>", 'name="viewport"', "<nav aria-label="):
        assert tag in html


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/", "./"),
        ("/docs", "./"),
        ("/docs/", "../"),
        ("/docs/cache.md", "../"),
        ("//", "../"),
        ("/a/b%2Fc/d", "../../"),
        ("/a?b=/c/d", "./"),
        ("/" * 33, "../" * 32),
        ("/" * 34, "/"),
        ("/" * 16_000, "/"),
    ],
)
def test_root_url_is_relative_and_bounded(path: str, expected: str) -> None:
    assert relative_root(asgi_request(path)) == expected


def test_template_is_read_once() -> None:
    assert load_template("page.html") is load_template("page.html")
