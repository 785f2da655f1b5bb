"""Documentation pages."""

import subprocess
import sys

import httpx
import pytest
from conftest import ROOT, Pair
from starlette.exceptions import HTTPException
from support.asgi import asgi_request

from gateway.web.documents import document_page, index_page, page_titles, redirect_to_folder, served_url

pytestmark = pytest.mark.anyio

BROWSER = {"accept": "text/html"}


def test_pages_are_the_files_of_the_docs_folder() -> None:
    assert set(page_titles()) == {page.name for page in (ROOT / "docs").glob("*.md")}
    assert page_titles()["errors.md"] == "Errors"


async def test_index_lists_each_page_by_its_heading() -> None:
    html = bytes((await index_page(asgi_request("/docs/"))).body).decode()
    for name, title in page_titles().items():
        assert f'<li><a href="{name}">{title}</a></li>' in html


async def test_page_has_its_heading_as_title() -> None:
    request = asgi_request("/docs/cache.md")
    request.scope["path_params"] = {"page": "cache.md"}
    response = await document_page(request)
    html = bytes(response.body).decode()
    assert '<h1 id="the-cache">The cache</h1>' in html
    assert "<title>The cache · " in html
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["x-intermediary"] == "halo-gateway"


@pytest.mark.parametrize(
    "name", ["none.md", "cache", "", "..", "../pyproject.toml", "/etc/passwd", "CACHE.md"]
)
async def test_other_page_name_is_404(name: str) -> None:
    request = asgi_request("/docs/x")
    request.scope["path_params"] = {"page": name}
    with pytest.raises(HTTPException) as error:
        await document_page(request)
    assert error.value.status_code == 404


@pytest.mark.parametrize(
    "path", ["/docs/..%2F..%2Fpyproject.toml", "/docs/%2e%2e/app.py", "/docs/cache.md%00"]
)
def test_path_outside_the_folder_is_404(pair: Pair, path: str) -> None:
    response = httpx.get(pair.url + path, headers=BROWSER, trust_env=False)
    assert (response.status_code, response.headers["content-type"]) == (404, "text/html; charset=utf-8")


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("cache.md", "cache.md"),
        ("cache.md#writes", "cache.md#writes"),
        ("#here", "#here"),
        ("https://hl7.org/fhir/R4", "https://hl7.org/fhir/R4"),
        ("../README.md", "./"),
        ("../openapi/gateway.yaml", "../openapi.yaml"),
        ("../CHANGELOG.md", ""),
        ("../gateway/app.py", ""),
        ("none.md", ""),
        ("ftp://host/cache.md", ""),
        ("", ""),
    ],
)
def test_link_target_is_mapped_to_its_url(target: str, expected: str) -> None:
    assert served_url(target, {"cache.md"}) == expected


async def test_folder_without_slash_is_redirected_relatively() -> None:
    response = await redirect_to_folder(asgi_request("/docs", {"host": "evil.example"}))
    assert (response.status_code, response.headers["location"]) == (308, "docs/")


def test_import_of_the_gateway_does_not_load_the_renderer() -> None:
    program = "import sys, gateway.app; sys.exit('markdown_it' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
