"""The documentation in a browser: `/docs/` and a page for each file of the project's docs folder."""

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

from gateway.web.errors import always
from gateway.web.markdown import rendered
from gateway.web.pages import page

#: What the pages link to beside each other, and where the gateway serves it.
_ELSEWHERE = {"../README.md": "./", "../openapi/gateway.yaml": "../openapi.yaml"}
_INDEX = Markup("<h1>Documentation</h1>\n<ul>\n{}</ul>\n")
_ENTRY = Markup('<li><a href="{}">{}</a></li>\n')


def titles() -> Mapping[str, str]:
    """The file name of each page, and its first heading."""
    return {name: _first_heading(text) for name, text in _texts().items()}


def served(target: str, names: Container[str]) -> str:
    """The URL at which the gateway serves what a page links to; empty where it does not."""
    path, _, _ = target.partition("#")
    inside = not path or path in names
    return target if inside or path.startswith(("https://", "http://")) else _ELSEWHERE.get(path, "")


async def index(request: Request) -> Response:
    """The list of all pages."""
    entries = Markup().join(_ENTRY.format(name, title) for name, title in titles().items())
    return page(request, "Documentation", _INDEX.format(entries), extra=always(request))


async def document(request: Request) -> Response:
    """One page, under its file name. Raises HTTPException 404."""
    name = request.path_params["page"]
    if name not in _texts():
        raise HTTPException(404)
    body = await asyncio.to_thread(_body, name)
    return page(request, titles()[name], body, extra=always(request))


async def folder(request: Request) -> Response:
    """From `/docs` to `/docs/`, below any prefix."""
    moved = {"location": "docs/"}
    return Response(status_code=HTTPStatus.PERMANENT_REDIRECT, headers=moved | always(request))


ROUTES = (Route("/docs", folder), Route("/docs/", index), Route("/docs/{page}", document))


@cache
def _texts() -> Mapping[str, str]:
    """Each page's text by its file name, read once."""
    found = (files("gateway") / "web" / "docs").iterdir()
    pages = sorted((each for each in found if each.name.endswith(".md")), key=lambda each: each.name)
    return {each.name: each.read_text(encoding="utf-8") for each in pages}


@cache
def _body(name: str) -> Markup:
    texts = _texts()
    return rendered(texts[name], lambda target: served(target, texts))


def _first_heading(text: str) -> str:
    return text.partition("\n")[0].lstrip("# ").replace("`", "")
