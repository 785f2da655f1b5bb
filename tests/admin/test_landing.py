import asyncio
from collections.abc import Mapping
from typing import Any

import httpx
import pytest
from conftest import Pair
from starlette.exceptions import HTTPException
from starlette.responses import Response
from structlog.testing import capture_logs
from support.asgi import GUID, scoped, settings

from gateway.admin.landing import DEFAULT_SITE_BASE, HALO_API_BASES, landing_page
from gateway.app import FHIR_PATHS, create_app
from gateway.settings import Settings

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


def shown(
    configured: Settings | None = None,
    headers: Mapping[str, str] | None = None,
    found: Mapping[str, str | Exception] | None = None,
    warned: Mapping[str, str | Exception] | None = None,
    *,
    sites: bool = True,
) -> str:
    endpoint = landing_page(
        configured or settings(),
        checks(found or {"configuration": ""}),
        checks(warned or {}),
        show_base_urls=sites,
    )

    async def page() -> Response:
        return await endpoint(scoped(headers={"accept": BROWSER} | dict(headers or {})))

    answer = asyncio.run(page())
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    return bytes(answer.body).decode()


@pytest.mark.parametrize(
    ("found", "warned", "status"),
    [
        ("", "", "pass"),
        ("", "store away", "warn"),
        ("not read", "", "fail"),
        ("not read", "store away", "fail"),
    ],
)
def test_the_page_shows_health_and_every_problem(found: str, warned: str, status: str) -> None:
    text = shown(found={"configuration": found}, warned={"store": warned})
    assert f'<h2>Health: <span class="{status}">{status}</span></h2>' in text
    assert f"<td>{found or 'none'}</td>" in text
    assert f"<td>{warned or 'none'}</td>" in text


def test_a_check_that_breaks_is_shown_without_its_words() -> None:
    with capture_logs() as lines:
        text = shown(found={"configuration": ValueError("secret words")}, warned={"store": ""})
    assert '<span class="fail">fail</span></td><td>' in text
    assert lines[0]["reference"] in text
    assert "secret words" not in f"{text}{lines[0]}"


def test_the_page_says_name_version_and_where_to_read_on() -> None:
    text = shown()
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
def test_base_urls_begin_with_an_origin_that_can_stand_there(
    server: dict[str, Any], headers: dict[str, str], origin: str
) -> None:
    text = shown(settings(server), headers)
    for path, _ in HALO_API_BASES:
        assert f"<code>{origin}{path}</code>" in text
    assert "<script" not in text
    assert "alert" not in text
    assert ("Each begins with the address of this gateway." in text) is not origin


def test_mounted_upstreams_and_the_short_base_are_named() -> None:
    assert "<code>http://gw.example/fhir/R4</code>" not in shown()
    text = shown(settings({"default_site": GUID}, upstreams=MOUNTS))
    paths = ["/fhir/R4", "/gorilla", "/tickets", *(f"/second{path}" for path, _ in HALO_API_BASES)]
    for path in paths:
        assert f"<code>http://gw.example{path}</code>" in text
    assert "Health Gorilla" in text
    assert "HaloITSM" in text


def test_no_practice_key_or_upstream_is_named() -> None:
    text = shown(settings({"default_site": GUID}, upstreams=MOUNTS, paging={"keys": ["synthetic-seal"]}))
    for each in (GUID, "harbour", "synthetic-seal", "hg.example", "itsm.example", "Australia/Sydney"):
        assert each not in text


def test_the_operators_page_has_no_base_urls() -> None:
    text = shown(sites=False)
    assert "{siteId}" not in text
    assert "./docs/operations.md#operators-endpoints" in text


def test_the_bases_are_those_that_the_app_serves() -> None:
    assert tuple(path for path, _ in (*HALO_API_BASES, DEFAULT_SITE_BASE)) == FHIR_PATHS


@pytest.mark.parametrize("accept", ["", "*/*", "application/fhir+json", "text/html;q=0, */*"])
def test_for_who_wants_no_page_there_is_none(accept: str) -> None:
    with pytest.raises(HTTPException) as refused:
        asyncio.run(landing_page(settings(), {}, {})(scoped(headers={"accept": accept})))  # type: ignore[arg-type]
    assert refused.value.status_code == 404


@pytest.mark.parametrize("path", ["/", "/?x=y", "/?_format=json", "/?", "/#x"])
@pytest.mark.parametrize("host", ["", EVIL])
def test_a_browser_never_gets_json_at_the_root(pair: Pair, path: str, host: str) -> None:
    headers = {"accept": BROWSER} | ({"host": host} if host else {})
    for method in ("GET", "HEAD"):
        answer = httpx.request(method, pair.url + path, headers=headers, trust_env=False)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
        assert ("<h1>Halo FHIR gateway</h1>" in answer.text) is (method == "GET")
        assert answer.headers["x-request-id"]
    assert pair.sent() == []


def test_the_operators_port_has_a_page_and_the_documentation() -> None:
    with capture_logs():
        transport = httpx.ASGITransport(create_app(Settings()).state.operators)

    async def asked(path: str) -> httpx.Response:
        async with httpx.AsyncClient(transport=transport, base_url="http://gw.example") as client:
            return await client.get(path, headers={"accept": BROWSER})

    root = asyncio.run(asked("/"))
    assert (root.status_code, "This port is for operators" in root.text) == (200, True)
    assert asyncio.run(asked("/docs/operations.md")).status_code == 200
