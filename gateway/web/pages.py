"""HTML pages of the gateway: a frame, a stylesheet, no content of other hosts; a script only if named."""

from base64 import b64encode
from functools import cache
from hashlib import sha256
from http import HTTPStatus
from importlib.resources import files
from typing import NamedTuple

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse

#: Segments of a path above which links begin at the host's root: such a path is no page of the gateway.
_MAX_DEPTH = 32


class PageFrame(NamedTuple):
    """What is around the body of a page; `has_forms`: the page's forms may be sent to the gateway."""

    template: Markup
    style: Markup
    script: Markup = Markup()
    has_forms: bool = False


def html_page(
    request: Request,
    title: str,
    body: Markup,
    status: int = HTTPStatus.OK,
    extra: dict[str, str] | None = None,
    *,
    frame: PageFrame | None = None,
    **values: str,
) -> HTMLResponse:
    """Return a page with a title; `extra` are header fields in addition to the security headers.

    `frame` is that of the documentation unless it is given; `values` are further values of its template.
    """
    frame = frame or _plain_frame()
    root = relative_root(request)
    html = frame.template.format(
        title=title, body=body, root=root, style=frame.style, script=frame.script, **values
    )
    return HTMLResponse(html, status, _security_headers(frame) | (extra or {}))


@cache
def load_template(name: str, package: str = "web") -> Markup:
    """Template of a package of the gateway; its `format` escapes each value that is no Markup."""
    text = files("gateway").joinpath(*package.split("."), name).read_text(encoding="utf-8")
    return Markup(text)  # noqa: S704 - a file of this package


def page_template(package: str = "web") -> Markup:
    """Template of a package's pages: the head of all, which stays open, and the package's own `page.html`."""
    return load_template("head.html") + load_template("page.html", package)


def relative_root(request: Request) -> str:
    """Relative URL of the gateway's root; correct below any prefix that a proxy removes."""
    path: bytes = request.scope["raw_path"].partition(b"?")[0]
    depth = path.count(b"/") - 1
    return "/" if depth > _MAX_DEPTH else "../" * depth or "./"


@cache
def _plain_frame() -> PageFrame:
    return PageFrame(page_template(), load_template("page.css"))


@cache
def _security_headers(frame: PageFrame) -> dict[str, str]:
    script = {"script-src": _hash_source(frame.script), "connect-src": "'self'"} if frame.script else {}
    policy = {
        "default-src": "'none'",
        "style-src": _hash_source(frame.style),
        **script,
        "img-src": "data:",
        "base-uri": "'none'",
        "form-action": "'self'" if frame.has_forms else "'none'",
        "frame-ancestors": "'none'",
    }
    return {
        "content-security-policy": "; ".join(f"{name} {value}" for name, value in policy.items()),
        "x-content-type-options": "nosniff",
        "referrer-policy": "same-origin" if frame.has_forms else "no-referrer",
        "vary": "accept",
    }


def _hash_source(text: str) -> str:
    """Return the source of a policy that permits exactly this inline text."""
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"
