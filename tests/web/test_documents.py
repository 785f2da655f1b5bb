import asyncio
import subprocess
import sys

import httpx
import pytest
from conftest import ROOT, Pair
from starlette.exceptions import HTTPException
from support.asgi import scoped

from gateway.web.documents import document_page, index_page, page_titles, redirect_to_folder, served_url

BROWSER = {"accept": "text/html"}


def test_the_pages_are_those_of_the_docs_folder() -> None:
    assert set(page_titles()) == {page.name for page in (ROOT / "docs").glob("*.md")}
    assert page_titles()["errors.md"] == "Errors"


def test_the_index_lists_each_page_by_its_heading() -> None:
    shown = bytes(asyncio.run(index_page(scoped("/docs/"))).body).decode()
    for name, title in page_titles().items():
        assert f'<li><a href="{name}">{title}</a></li>' in shown


def test_a_page_is_html_under_its_title() -> None:
    request = scoped("/docs/cache.md")
    request.scope["path_params"] = {"page": "cache.md"}
    answer = asyncio.run(document_page(request))
    shown = bytes(answer.body).decode()
    assert '<h1 id="the-cache">The cache</h1>' in shown
    assert "<title>The cache · " in shown
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-intermediary"] == "halo-gateway"


@pytest.mark.parametrize(
    "name", ["none.md", "cache", "", "..", "../pyproject.toml", "/etc/passwd", "CACHE.md"]
)
def test_any_other_name_is_unknown(name: str) -> None:
    request = scoped("/docs/x")
    request.scope["path_params"] = {"page": name}
    with pytest.raises(HTTPException) as refused:
        asyncio.run(document_page(request))
    assert refused.value.status_code == 404


@pytest.mark.parametrize(
    "path", ["/docs/..%2F..%2Fpyproject.toml", "/docs/%2e%2e/app.py", "/docs/cache.md%00"]
)
def test_no_path_leads_out_of_the_folder(pair: Pair, path: str) -> None:
    answer = httpx.get(pair.url + path, headers=BROWSER, trust_env=False)
    assert (answer.status_code, answer.headers["content-type"]) == (404, "text/html; charset=utf-8")


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
def test_links_lead_to_what_is_served(target: str, expected: str) -> None:
    assert served_url(target, {"cache.md"}) == expected


def test_the_folder_without_its_slash_leads_there_below_any_prefix() -> None:
    answer = asyncio.run(redirect_to_folder(scoped("/docs", {"host": "evil.example"})))
    assert (answer.status_code, answer.headers["location"]) == (308, "docs/")


def test_the_start_of_the_gateway_does_not_load_the_renderer() -> None:
    program = "import sys, gateway.app; sys.exit('markdown_it' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
