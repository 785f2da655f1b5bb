"""Frame of the dashboard's pages: navigation, style, script, and header fields that keep other pages out."""

from datetime import UTC, datetime
from functools import cache
from http import HTTPStatus
from typing import Final

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response

from gateway.admin.dashboard.forms import sign_out_button
from gateway.admin.dashboard.wording import NONE
from gateway.web.errors import default_headers
from gateway.web.pages import PageFrame, html_page, load_template, page_template, relative_root

_PACKAGE: Final = "admin.dashboard"
#: A page of another origin keeps no window of the dashboard, and embeds nothing of it.
_ISOLATION: Final = {
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "x-frame-options": "DENY",
    "x-robots-tag": "noindex",
}
_DONE_HTML = Markup('<p class="done" role="status">{}</p>\n')
#: Texts after a form, by the value of `done` in the URL.
_DONE: Final = {
    "pause-gone": "This pause was not in effect any more: it had ended already.",
    "pause-ended": "The pause has ended.",
    "reset": "The circuit is closed, and the pauses have ended.",
}


@cache
def _frame() -> PageFrame:
    style = load_template("page.css") + load_template("page.css", _PACKAGE)
    return PageFrame(page_template(_PACKAGE), style, load_template("refresh.js", _PACKAGE), has_forms=True)


def dashboard_page(  # noqa: PLR0913 - the parts of a page
    request: Request,
    title: str,
    body: Markup,
    *,
    now: float = 0.0,
    status: int = HTTPStatus.OK,
    sign_out_token: str = "",
    refreshes: bool = False,
    extra: dict[str, str] | None = None,
) -> Response:
    """Return a page; `now` in seconds since 1970. `sign_out_token`: that of the session's forms."""
    root, done = relative_root(request), _DONE.get(request.query_params.get("done", ""), "")
    headers = default_headers(request) | _ISOLATION | (extra or {})
    return html_page(
        request,
        title,
        body,
        status,
        headers,
        frame=_frame(),
        as_of=f"{datetime.fromtimestamp(now, UTC):%Y-%m-%d %H:%M:%S}" if now else NONE,
        sign_out=sign_out_button(root, sign_out_token) if sign_out_token else Markup(),
        refreshes=Markup(' data-refreshes="true"') if refreshes else Markup(),
        message=_DONE_HTML.format(done) if done else Markup(),
    )
