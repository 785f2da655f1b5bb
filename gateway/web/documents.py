"""Documentation pages: `/docs/` and a page for each file of the project's docs folder."""

import asyncio
from collections.abc import Container, Mapping
from functools import cache
from http import HTTPStatus
from importlib.resources import files

from markupsafe import Markup
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.web.errors import default_headers
from gateway.web.markdown import render_markdown
from gateway.web.pages import html_page

#: Link targets outside the docs folder, and the URLs at which the gateway serves them.
_LINKS_OUTSIDE_DOCS = {"../README.md": "./", "../openapi/gateway.yaml": "../openapi.yaml"}
_INDEX_HTML = Markup("<h1>Documentation</h1>\n<ul>\n{}</ul>\n")
_ENTRY_HTML = Markup('<li><a href="{}">{}</a></li>\n')


def page_titles() -> Mapping[str, str]:
    """First heading of each page, by file name."""
    return {name: _first_heading(text) for name, text in _page_texts().items()}


def served_url(target: str, names: Container[str]) -> str:
    """URL at which the gateway serves the target of a link; empty if it does not."""
    path, _, _ = target.partition("#")
    is_page = not path or path in names
    return (
        target if is_page or path.startswith(("https://", "http://")) else _LINKS_OUTSIDE_DOCS.get(path, "")
    )


async def index_page(request: Request) -> Response:
    """Return the list of all pages."""
    entries = Markup().join(_ENTRY_HTML.format(name, title) for name, title in page_titles().items())
    return html_page(request, "Documentation", _INDEX_HTML.format(entries), extra=default_headers(request))


async def document_page(request: Request) -> Response:
    """Return the page with a file name. Raises HTTPException 404."""
    name = request.path_params["page"]
    if name not in _page_texts():
        raise HTTPException(404)
    body = await asyncio.to_thread(_render_body, name)
    return html_page(request, page_titles()[name], body, extra=default_headers(request))


async def redirect_to_folder(request: Request) -> Response:
    """Redirect from `/docs` to `/docs/`, below any prefix."""
    location = {"location": "docs/"}
    return Response(status_code=HTTPStatus.PERMANENT_REDIRECT, headers=location | default_headers(request))


ROUTES = (
    Route("/docs", redirect_to_folder),
    Route("/docs/", index_page),
    Route("/docs/{page}", document_page),
)


@cache
def _page_texts() -> Mapping[str, str]:
    """Text of each page by file name, read once."""
    entries = (files("gateway") / "web" / "docs").iterdir()
    pages = sorted((entry for entry in entries if entry.name.endswith(".md")), key=lambda page: page.name)
    return {page.name: page.read_text(encoding="utf-8") for page in pages}


@cache
def _render_body(name: str) -> Markup:
    texts = _page_texts()
    return render_markdown(texts[name], lambda target: served_url(target, texts))


def _first_heading(text: str) -> str:
    return text.partition("\n")[0].lstrip("# ").replace("`", "")
