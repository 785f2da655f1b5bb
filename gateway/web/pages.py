"""HTML pages of the gateway: one frame, one stylesheet, no script and no content of other hosts."""

from base64 import b64encode
from functools import cache
from hashlib import sha256
from http import HTTPStatus
from importlib.resources import files

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse

#: Segments of a path above which links begin at the host's root: such a path is no page of the gateway.
_MAX_DEPTH = 32


def html_page(
    request: Request,
    title: str,
    body: Markup,
    status: int = HTTPStatus.OK,
    extra: dict[str, str] | None = None,
) -> HTMLResponse:
    """Return a page with a title; `extra` are header fields in addition to the security headers."""
    html = load_template("page.html").format(
        title=title, body=body, root=relative_root(request), style=_stylesheet()
    )
    return HTMLResponse(html, status, _security_headers() | (extra or {}))


@cache
def load_template(name: str) -> Markup:
    """Template of this package; its `format` escapes each value that is no Markup."""
    return Markup(_read_file(name))  # noqa: S704 - a file of this package


def relative_root(request: Request) -> str:
    """Relative URL of the gateway's root; correct below any prefix that a proxy removes."""
    path: bytes = request.scope["raw_path"].partition(b"?")[0]
    depth = path.count(b"/") - 1
    return "/" if depth > _MAX_DEPTH else "../" * depth or "./"


@cache
def _stylesheet() -> Markup:
    return Markup(_read_file("page.css"))  # noqa: S704 - a file of this package


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
