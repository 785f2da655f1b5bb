"""HTML pages of the gateway's own: one frame, one stylesheet, no script and nothing from another host."""

from base64 import b64encode
from functools import cache
from hashlib import sha256
from http import HTTPStatus
from importlib.resources import files

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse

#: A path this deep gets a link from the root of the host, without a prefix that a proxy may have taken away.
_DEEPEST = 32


def page(
    request: Request,
    title: str,
    body: Markup,
    status: int = HTTPStatus.OK,
    extra: dict[str, str] | None = None,
) -> HTMLResponse:
    """A page with this title; `extra` are header fields beside those that keep a page to itself."""
    framed = template("page.html").format(title=title, body=body, root=root(request), style=_style())
    return HTMLResponse(framed, status, _fields() | (extra or {}))


@cache
def template(name: str) -> Markup:
    """A template of this package; its `format` escapes each value that is no Markup."""
    return Markup(_text(name))  # noqa: S704 - a file of our own


def root(request: Request) -> str:
    """The relative URL of the gateway's root: right below any prefix that a proxy takes away."""
    path: bytes = request.scope["raw_path"].partition(b"?")[0]
    depth = path.count(b"/") - 1
    return "/" if depth > _DEEPEST else "../" * depth or "./"


@cache
def _style() -> Markup:
    return Markup(_text("page.css"))  # noqa: S704 - a file of our own


@cache
def _fields() -> dict[str, str]:
    style = b64encode(sha256(_style().encode()).digest()).decode()
    policy = {
        "default-src": "'none'",
        "style-src": f"'sha256-{style}'",
        "img-src": "data:",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }
    return {
        "content-security-policy": "; ".join(f"{name} {value}" for name, value in policy.items()),
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        "vary": "accept",
    }


def _text(name: str) -> str:
    return (files("gateway") / "web" / name).read_text(encoding="utf-8")
