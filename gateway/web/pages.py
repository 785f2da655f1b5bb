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
_MAX_DEPTH = 32


def html_page(
    request: Request,
    title: str,
    body: Markup,
    status: int = HTTPStatus.OK,
    extra: dict[str, str] | None = None,
) -> HTMLResponse:
    """A page with this title; `extra` are header fields beside those that keep a page to itself."""
    framed = load_template("page.html").format(
        title=title, body=body, root=relative_root(request), style=_stylesheet()
    )
    return HTMLResponse(framed, status, _security_headers() | (extra or {}))


@cache
def load_template(name: str) -> Markup:
    """A template of this package; its `format` escapes each value that is no Markup."""
    return Markup(_read_file(name))  # noqa: S704 - a file of our own


def relative_root(request: Request) -> str:
    """The relative URL of the gateway's root: right below any prefix that a proxy takes away."""
    path: bytes = request.scope["raw_path"].partition(b"?")[0]
    depth = path.count(b"/") - 1
    return "/" if depth > _MAX_DEPTH else "../" * depth or "./"


@cache
def _stylesheet() -> Markup:
    return Markup(_read_file("page.css"))  # noqa: S704 - a file of our own


@cache
def _security_headers() -> dict[str, str]:
    style = b64encode(sha256(_stylesheet().encode()).digest()).decode()
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


def _read_file(name: str) -> str:
    return (files("gateway") / "web" / name).read_text(encoding="utf-8")
