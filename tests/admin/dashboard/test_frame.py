"""Frame of the dashboard's pages."""

import re
from base64 import b64encode
from hashlib import sha256

from markupsafe import Markup
from support.asgi import asgi_request

from gateway.admin.dashboard.frame import dashboard_page


def html_of(path: str = "/admin/", **options: object) -> str:
    response = dashboard_page(asgi_request(path), "Title", Markup("<h1>Body</h1>"), **options)  # type: ignore[arg-type]
    return bytes(response.body).decode()


def test_page_permits_its_own_style_and_script_only() -> None:
    response = dashboard_page(asgi_request("/admin/"), "Title", Markup())
    html, policy = bytes(response.body).decode(), response.headers["content-security-policy"]
    for tag, directive in (("style", "style-src"), ("script", "script-src")):
        (text,) = re.findall(rf"<{tag}>(.*?)</{tag}>", html, re.DOTALL)
        assert f"{directive} 'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'" in policy
    assert " on" not in "".join(re.findall(r"<[a-z][^>]*>", html))


def test_page_has_skip_link_landmarks_and_time() -> None:
    html = html_of(now=1_800_000_000.0)
    for text in ('href="#main"', '<main id="main"', 'aria-label="Operators"', "2027-01-15 08:00:00"):
        assert text in html


def test_only_pages_that_say_so_refresh() -> None:
    assert 'data-refreshes="true"' in html_of(refreshes=True)
    assert "data-refreshes" not in html_of().partition("<script>")[0]


def test_session_has_a_button_to_sign_out() -> None:
    assert 'action="../../admin/sign-out"' in html_of("/admin/practices/1", sign_out_token="t0")  # noqa: S106
    assert "sign-out" not in html_of()
