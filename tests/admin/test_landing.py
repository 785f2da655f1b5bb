"""Landing page."""

from collections.abc import Mapping
from typing import Any

import httpx
import pytest
from conftest import Pair
from starlette.exceptions import HTTPException
from structlog.testing import capture_logs
from support.asgi import GUID, asgi_request, settings
from support.secrets import SECRET

from gateway.admin.landing import DEFAULT_SITE_BASE, HALO_API_BASES, landing_page
from gateway.app import create_app
from gateway.settings import Settings
from gateway.upstream_routes import FHIR_PATHS

pytestmark = pytest.mark.anyio

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
EVIL = "<script>x</script>"
MOUNTS = {
    "hg": {"url": "https://hg.example/fhir", "dialect": "health-gorilla", "path": "/gorilla"},
    "itsm": {"url": "https://itsm.example/api", "dialect": "halo-itsm", "path": "/tickets"},
    "more": {"url": "https://halo.example", "dialect": "halo-connect", "path": "/second"},
}


def checks(problems: Mapping[str, str | Exception]) -> Any:
    def check(problem: str | Exception) -> Any:
        async def result() -> str:
            if isinstance(problem, Exception):
                raise problem
            return problem

        return result

    return {name: check(problem) for name, problem in problems.items()}


async def page_html(
    configured: Settings | None = None,
    headers: Mapping[str, str] | None = None,
    problems: Mapping[str, str | Exception] | None = None,
    warnings: Mapping[str, str | Exception] | None = None,
    *,
    show_base_urls: bool = True,
) -> str:
    endpoint = landing_page(
        configured or settings(),
        checks(problems or {"configuration": ""}),
        checks(warnings or {}),
        show_base_urls=show_base_urls,
    )
    response = await endpoint(asgi_request(headers={"accept": BROWSER} | dict(headers or {})))
    assert response.status_code == 200
    assert response.headers["cache-control"] == "no-store"
    return bytes(response.body).decode()


@pytest.mark.parametrize(
    ("problem", "warning", "status"),
    [
        ("", "", "pass"),
        ("", "store down", "warn"),
        ("unreadable", "", "fail"),
        ("unreadable", "store down", "fail"),
    ],
)
async def test_page_shows_health_and_every_problem(problem: str, warning: str, status: str) -> None:
    text = await page_html(problems={"configuration": problem}, warnings={"store": warning})
    assert f'<h2>Health: <span class="{status}">{status}</span></h2>' in text
    assert f"<td>{problem or 'none'}</td>" in text
    assert f"<td>{warning or 'none'}</td>" in text


async def test_exception_of_a_check_is_shown_as_a_reference() -> None:
    with capture_logs() as lines:
        text = await page_html(problems={"configuration": ValueError("secret words")}, warnings={"store": ""})
    assert '<span class="fail">fail</span></td><td>' in text
    assert lines[0]["reference"] in text
    assert "secret words" not in f"{text}{lines[0]}"


async def test_page_shows_name_version_and_links() -> None:
    text = await page_html()
    assert "<strong>halo-gateway 0." in text
    for target in ("./docs/", "./openapi.yaml", "./readyz", "./metrics"):
        assert f'href="{target}"' in text


@pytest.mark.parametrize(
    ("server", "headers", "origin"),
    [
        ({}, {}, "http://gw.example"),
        ({"public_url": "https://fhir.example/halo"}, {"host": EVIL}, "https://fhir.example/halo"),
        (
            {"trusted_proxies": ["127.0.0.0/8"]},
            {"x-forwarded-host": "out.example", "x-forwarded-proto": "https", "x-forwarded-prefix": "/p"},
            "https://out.example/p",
        ),
        ({}, {"host": EVIL}, ""),
        ({}, {"host": ""}, ""),
        ({"trusted_proxies": ["127.0.0.0/8"]}, {"x-forwarded-host": EVIL}, ""),
    ],
)
async def test_base_urls_begin_with_a_valid_origin(
    server: dict[str, Any], headers: dict[str, str], origin: str
) -> None:
    text = await page_html(settings(server), headers)
    for path, _ in HALO_API_BASES:
        assert f"<code>{origin}{path}</code>" in text
    assert "<script" not in text
    assert "alert" not in text
    assert ("Each URL begins with the address of this gateway." in text) is not origin


async def test_page_lists_default_site_and_mounted_upstreams() -> None:
    assert "<code>http://gw.example/fhir/R4</code>" not in await page_html()
    text = await page_html(settings({"default_site": GUID}, upstreams=MOUNTS))
    paths = ["/fhir/R4", "/gorilla", "/tickets", *(f"/second{path}" for path, _ in HALO_API_BASES)]
    for path in paths:
        assert f"<code>http://gw.example{path}</code>" in text
    assert "Health Gorilla" in text
    assert "HaloITSM" in text


async def test_page_shows_no_practice_key_or_upstream() -> None:
    text = await page_html(settings({"default_site": GUID}, upstreams=MOUNTS, paging={"keys": [SECRET]}))
    for value in (GUID, "harbour", "synthetic-key", "hg.example", "itsm.example", "Australia/Sydney"):
        assert value not in text


async def test_page_of_admin_port_has_no_base_urls() -> None:
    text = await page_html(show_base_urls=False)
    assert "{siteId}" not in text
    assert "./docs/operations.md#operators-endpoints" in text


def test_page_lists_the_paths_of_the_app() -> None:
    assert tuple(path for path, _ in (*HALO_API_BASES, DEFAULT_SITE_BASE)) == FHIR_PATHS


@pytest.mark.parametrize("accept", ["", "*/*", "application/fhir+json", "text/html;q=0, */*"])
async def test_client_that_prefers_json_gets_404(accept: str) -> None:
    endpoint = landing_page(settings(), {}, {})
    with pytest.raises(HTTPException) as error:
        await endpoint(asgi_request(headers={"accept": accept}))
    assert error.value.status_code == 404


@pytest.mark.parametrize("path", ["/", "/?x=y", "/?_format=json", "/?", "/#x"])
@pytest.mark.parametrize("host", ["", EVIL])
def test_browser_gets_html_at_the_root(pair: Pair, path: str, host: str) -> None:
    headers = {"accept": BROWSER} | ({"host": host} if host else {})
    for method in ("GET", "HEAD"):
        response = httpx.request(method, pair.url + path, headers=headers, trust_env=False)
        assert (response.status_code, response.headers["content-type"]) == (200, "text/html; charset=utf-8")
        assert ("<h1>Halo FHIR gateway</h1>" in response.text) is (method == "GET")
        assert response.headers["x-request-id"]
    assert pair.sent() == []


async def test_admin_port_has_a_page_and_the_documentation() -> None:
    with capture_logs():
        transport = httpx.ASGITransport(create_app(Settings()).state.operators)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        root = await client.get("/", headers={"accept": BROWSER})
        assert (root.status_code, "This port is for operators" in root.text) == (200, True)
        page = await client.get("/docs/operations.md", headers={"accept": BROWSER})
        assert page.status_code == 200


async def test_metrics_are_linked_only_on_the_port_that_serves_them() -> None:
    settings = Settings.model_validate({"admin": {"listen": "127.0.0.1:9090"}})
    assert 'href="./metrics"' not in await page_html(settings)
    assert 'href="./metrics"' in await page_html(settings, show_base_urls=False)


@pytest.mark.parametrize(
    ("admin", "show_base_urls", "expected"),
    [
        ({"token": SECRET}, True, True),
        ({}, True, False),
        ({"listen": "127.0.0.1:9000"}, True, False),
        ({"token": SECRET, "listen": "127.0.0.1:9000"}, True, False),
        ({"listen": "127.0.0.1:9000"}, False, True),
    ],
)
async def test_page_links_to_the_dashboard_where_it_is(
    admin: dict[str, str], show_base_urls: bool, expected: bool
) -> None:
    html = await page_html(Settings.model_validate({"admin": admin}), show_base_urls=show_base_urls)
    assert ('<a href="./admin/">Dashboard</a>' in html) is expected
