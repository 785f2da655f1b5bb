import re
from base64 import b64encode
from hashlib import sha256

import pytest
from markupsafe import Markup
from support.asgi import scoped

from gateway.web.pages import html_page, load_template, relative_root

EVIL = "<script>alert('x')</script>\" onload=\"x"


def test_a_page_escapes_what_is_no_markup() -> None:
    shown = bytes(html_page(scoped(), EVIL, Markup("<p>{}</p>").format(EVIL)).body).decode()
    assert "<script" not in shown
    assert shown.count("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&#34; onload=&#34;x") == 2


def test_a_page_forbids_scripts_and_allows_its_own_style_alone() -> None:
    answer = html_page(scoped(), "Title", Markup("<p>text</p>"))
    (style,) = re.findall(r"<style>(.*?)</style>", bytes(answer.body).decode(), re.DOTALL)
    allowed = b64encode(sha256(style.encode()).digest()).decode()
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; ")
    assert f"style-src 'sha256-{allowed}'" in policy
    assert "script-src" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"


def test_status_and_further_fields_are_the_callers() -> None:
    answer = html_page(scoped(), "Title", Markup(), 404, {"allow": "GET"})
    assert (answer.status_code, answer.headers["allow"]) == (404, "GET")


def test_a_page_has_what_a_screen_reader_needs() -> None:
    shown = bytes(html_page(scoped(), "Errors", Markup("<h1>Errors</h1>")).body).decode()
    for each in ('<html lang="en">', "<title>Errors · ", "<main>", 'name="viewport"', "<nav aria-label="):
        assert each in shown


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
def test_the_way_to_the_root_is_relative_and_bounded(path: str, expected: str) -> None:
    assert relative_root(scoped(path)) == expected


def test_templates_are_read_once() -> None:
    assert load_template("page.html") is load_template("page.html")
