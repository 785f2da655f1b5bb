"""A plugin in a running gateway: its repair applied, counted, shown, switched off, failing; its dialect."""

import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner
from conftest import ROOT
from support.plugins import REPAIR, PluginFolder
from support.requests import GUID
from support.secrets import SECRET

from gateway.app import create_app
from gateway.cli.commands import main
from gateway.plugins.load import load_plugins
from gateway.settings import Settings
from halo_gateway.testing import Exchange, Expectation, check_repair

pytestmark = pytest.mark.anyio
ID = "acme:slot-status-case"
BASE = f"/integrator/sites/{GUID}/fhir/R4"
KEY = {"ocp-apim-subscription-key": "synthetic"}
ADMIN = {"authorization": f"Bearer {SECRET}"}
SLOT = {"resourceType": "Slot", "id": "1", "status": "FREE", "meta": {"lastUpdated": "2026-07-01T00:00:00Z"}}
SEARCHES = REPAIR + """
def rename(request):
    query = request.upstream_search.query
    if "state=" not in query:
        return request
    return request.replace(upstream_search=parse_search(query.replace("state=", "status=")))

from halo_gateway import parse_search
RENAME = Repair(KnownIssue("slot-state", "Another parameter", "https://acme.example/2"), request=rename)
ALL = (REPAIR, RENAME)
"""  # fmt: skip
DIALECT = """
from halo_gateway import CredentialScheme, Dialect, ErrorRule, FailureKind
HALO_GATEWAY_API = 1
TEAPOT = FailureKind("acme-teapot", 502, "processing", "Acme is a teapot. Ask Acme for coffee.")
DIALECT = Dialect("fhir", (ErrorRule("teapot", TEAPOT, status={418}),), product="Acme FHIR")
"""


class Upstream:
    """Upstream that answers with a slot, and remembers what was sent."""

    def __init__(self) -> None:
        self.urls: list[str] = []
        self.status = 200

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.urls.append(str(request.url))
        path = request.url.path
        if path.endswith("/Slot"):
            bundle = {
                "resourceType": "Bundle",
                "type": "searchset",
                "total": 1,
                "entry": [{"resource": SLOT}],
            }
            return httpx.Response(200, json=bundle)
        return httpx.Response(self.status, json=SLOT if self.status == 200 else {})


@pytest.fixture
def plugins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PluginFolder:
    return PluginFolder(tmp_path, monkeypatch)


@pytest.fixture
def upstream() -> Upstream:
    return Upstream()


def settings(**values: Any) -> Settings:
    site = {"time_zone": "Australia/Sydney", "name": "harbour"}
    admin = {"token": SECRET}
    common = {"plugins": ["acme"], "sites": {GUID: site}, "cache": {"profile": "off"}, "admin": admin}
    return Settings.model_validate(common | values)


@asynccontextmanager
async def gateway(
    answer: Callable[[httpx.Request], httpx.Response], **values: Any
) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(settings(**values), transport=httpx.MockTransport(answer))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="http://gateway.example", headers=KEY
        ) as client,
    ):
        yield client


async def test_repair_is_applied_named_counted_and_shown(plugins: PluginFolder, upstream: Upstream) -> None:
    plugins.add("acme")
    async with gateway(upstream) as client:
        for path in ("Slot/1", "Slot"):
            response = await client.get(f"{BASE}/{path}")
            assert '"free"' in response.text
            assert ID in response.headers["gateway-repairs"]
        metrics = (await client.get("/metrics")).text
        assert f'repairs_total{{outcome="fired",repair="{ID}",site="harbour"}} 2.0' in metrics
        status = (await client.get(f"/admin/sites?site={GUID}", headers=ADMIN)).json()
    states = {issue["issue"]: issue["state"] for issue in status["sites"][0]["knownIssues"]["issues"]}
    assert states[ID] == "broken"


async def test_repair_of_requests_is_sent_and_explained(plugins: PluginFolder, upstream: Upstream) -> None:
    plugins.add("acme", SEARCHES, repairs="all=ALL")
    async with gateway(upstream) as client:
        response = await client.get(f"{BASE}/Slot?state=free")
        assert "acme:slot-state" in response.headers["gateway-repairs"]
        assert upstream.urls[-1].endswith("/Slot?status=free")
        body = {
            "resourceType": "Parameters",
            "parameter": [{"name": "search", "valueString": "Slot?state=free"}],
        }
        sent = len(upstream.urls)
        explained = await client.post(f"{BASE}/$explain", json=body)
    assert "Slot?status=free" in explained.text
    assert len(upstream.urls) == sent


@pytest.mark.parametrize("place", ["all", "site"])
async def test_repair_that_is_switched_off_changes_nothing(
    plugins: PluginFolder, upstream: Upstream, place: str
) -> None:
    plugins.add("acme")
    site = {"time_zone": "Australia/Sydney", "repairs": {ID: False}}
    values = {"repairs": {ID: False}} if place == "all" else {"sites": {GUID: site}}
    async with gateway(upstream, **values) as client:
        response = await client.get(f"{BASE}/Slot/1")
    assert response.json()["status"] == "FREE"
    assert ID not in response.headers.get("gateway-repairs", "")


async def test_plugin_that_is_not_named_does_nothing(plugins: PluginFolder, upstream: Upstream) -> None:
    plugins.add("acme")
    async with gateway(upstream, plugins=[]) as client:
        assert (await client.get(f"{BASE}/Slot/1")).json()["status"] == "FREE"


@pytest.mark.parametrize("path", ["Slot", "Slot/1"])
async def test_repair_that_raises_is_an_outcome_with_its_id(
    plugins: PluginFolder, upstream: Upstream, path: str
) -> None:
    plugins.add("acme", REPAIR.replace("CODES[status]", "CODES['synthetic name']"))
    async with gateway(upstream) as client:
        response = await client.get(f"{BASE}/{path}")
    assert response.status_code == 500
    (issue,) = response.json()["issue"]
    assert issue["details"]["coding"][0]["code"] == "response-repair-failed"
    assert f"repair={ID} problem=KeyError" in issue["diagnostics"]
    assert "synthetic name" not in response.text
    assert len(upstream.urls) == 1


async def test_dialect_of_a_plugin_is_mounted(plugins: PluginFolder, upstream: Upstream) -> None:
    plugins.add("acme", DIALECT, repairs="", upstreams="fhir=DIALECT")
    mount = {"url": "http://acme.example/fhir", "dialect": "acme:fhir", "path": "/acme"}
    async with gateway(upstream, upstreams={"acme": mount}) as client:
        token = {"authorization": "Bearer synthetic"}
        assert (await client.get("/acme/Slot/1", headers=token)).json()["status"] == "FREE"
        assert upstream.urls == ["http://acme.example/fhir/Slot/1"]
        assert (await client.get("/acme/Slot/1")).status_code == 401
        upstream.status = 418
        response = await client.get("/acme/Slot/1", headers=token)
        page = await client.get("/", headers={"accept": "text/html"})
    assert response.json()["issue"][0]["details"]["coding"][0]["code"] == "acme-teapot"
    assert "Acme FHIR" in page.text


def test_command_explains_with_the_repair(plugins: PluginFolder, tmp_path: Path) -> None:
    plugins.add("acme", SEARCHES, repairs="all=ALL")
    file = tmp_path / "gateway.toml"
    file.write_text(f'plugins = ["acme"]\n[sites.{GUID}]\ntime_zone = "Australia/Perth"\n')
    explained = CliRunner().invoke(
        main, ["explain", "Slot?state=free", "--site", GUID, "--config", str(file)]
    )
    assert "upstream: Slot?status=free" in explained.output


def test_commands_list_the_repair_or_name_the_problem(plugins: PluginFolder, tmp_path: Path) -> None:
    plugins.add("acme")
    plugins.add("broken", "import nothing_at_all")
    file = tmp_path / "gateway.toml"
    file.write_text(f'plugins = ["acme"]\n[repairs]\n"{ID}" = false\n')
    listed = CliRunner().invoke(main, ["known-issues", "--config", str(file)])
    assert listed.exit_code == 0, listed.output
    (line,) = [line for line in listed.output.splitlines() if line.startswith(f"{ID} ")]
    assert line.split()[1] == "off"
    assert f"  {ID}: https://acme.example/1" in listed.output
    file.write_text('plugins = ["acme", "broken"]\n')
    for command in ("check-config", "known-issues", "serve"):
        refused = CliRunner().invoke(main, [command, "--config", str(file)])
        assert refused.exit_code == 1
        assert "plugins: broken: entry point main" in refused.output


PAGE = (ROOT / "docs" / "plugins.md").read_text(encoding="utf-8")


def block_of_page(name: str) -> str:
    """The block of the page that follows the file's name."""
    (text,) = re.findall(rf"`{re.escape(name)}`[^`]*:\n\n```\w+\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    return str(text)


async def test_search_of_the_page_is_repaired(plugins: PluginFolder, upstream: Upstream) -> None:
    plugins.add("acme", block_of_page("acme_slot_search.py"), repairs="search=SLOT_STATE")
    async with gateway(upstream) as client:
        await client.get(f"{BASE}/Slot?state=free&_count=1")
    assert upstream.urls[-1].endswith("/Slot?status=free&_count=1")
    expect = Expectation("GET Slot?status=free")
    exchanges = (
        Exchange(request="GET Slot?state=free", shows="broken", status=400, expect=expect),
        Exchange(request="GET Slot?status=free", shows="right", status=400),
    )
    check_repair(load_plugins(["acme"]).repairs[0], exchanges)


def test_settings_of_the_page_are_complete(plugins: PluginFolder, tmp_path: Path) -> None:
    plugins.add("acme-halo-repairs")
    file = tmp_path / "emulator.toml"
    file.write_text(block_of_page("emulator.toml"))
    checked = CliRunner().invoke(main, ["check-config", "--config", str(file)])
    assert checked.exit_code == 0, checked.output


def failing(facet: str, statement: str) -> str:
    """Text of a plugin whose facet is one statement."""
    return f"""
from halo_gateway import *
HALO_GATEWAY_API = 1
KIND = FailureKind("acme-refusal", 400, "invalid", "Nothing was changed. Correct the request.")
def facet(request, part):
    {statement}
REPAIR = Repair(KnownIssue("slot", "A title", "https://acme.example/1"), {facet}=facet)
"""


@pytest.mark.parametrize(
    ("facet", "statement", "method", "code"),
    [
        ("entry", "raise Failure(KIND)", "POST", "write-outcome-unknown"),
        ("entry", "raise Failure(KIND)", "GET", "acme-refusal"),
        ("entry", "raise SystemExit(0)", "GET", "response-repair-failed"),
        ("entry", "part.fields.clear(); return part", "GET", "response-repair-failed"),
        ("keeps", "pass", "GET", "response-repair-failed"),
        ("headers", "return (*part, ('content-length', '0'))", "GET", "response-repair-failed"),
    ],
)
async def test_facet_never_hides_what_the_upstream_did(
    plugins: PluginFolder, upstream: Upstream, facet: str, statement: str, method: str, code: str
) -> None:
    plugins.add("acme", failing(facet, statement))
    async with gateway(upstream, cache={"profile": "balanced"}) as client:
        body = {"json": {"resourceType": "Slot"}} if method == "POST" else {}
        for _ in range(2):
            response = await client.request(method, f"{BASE}/Slot", **body)
            assert response.json()["issue"][0]["details"]["coding"][0]["code"] == code
            assert response.status_code >= 400
    assert len(upstream.urls) == 2
