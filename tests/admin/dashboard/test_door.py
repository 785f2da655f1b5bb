"""Who may see and use the dashboard: the rules alone; `test_routes.py` has their effects."""

import pytest
from structlog.testing import capture_logs
from support.asgi import asgi_request
from support.dashboard_pages import SESSION, DashboardPages

from gateway.admin.dashboard.door import Refusal, SignInNeeded, require_own_form, require_own_page
from gateway.admin.dashboard.sessions import NO_SESSION

pytestmark = pytest.mark.anyio


def test_page_without_token_has_no_session() -> None:
    assert DashboardPages("").door.require_reader(asgi_request("/admin/")) == NO_SESSION
    with pytest.raises(SignInNeeded):
        DashboardPages().door.require_reader(asgi_request("/admin/"))


def test_request_of_no_browser_reads_but_changes_nothing() -> None:
    require_own_page(asgi_request("/admin/"))
    with pytest.raises(Refusal) as caught:
        require_own_form(asgi_request("/admin/"))
    assert caught.value.status == 403


def test_forms_of_two_sessions_have_different_tokens() -> None:
    door = DashboardPages().door
    assert door.form_token(SESSION) != door.form_token() != door.form_token(SESSION._replace(name="0e" * 16))


async def test_right_token_is_refused_while_the_address_waits() -> None:
    pages = DashboardPages()
    for _ in range(10):
        pages.door.attempts.add("192.0.2.1")
    with capture_logs() as lines:
        response = await pages.post(
            "/admin/sign-in",
            {"sec-fetch-site": "same-origin"},
            token=pages.token,
            form_token=pages.door.form_token(),
        )
    assert (response.status_code, lines) == (429, [])
