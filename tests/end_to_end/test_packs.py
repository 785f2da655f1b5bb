"""A quirk pack in a running gateway, at Halo Connect and at a mount: applied, counted, shown, changed."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner
from support.packs import pack_text, write_pack
from support.requests import GUID, LABS, fhir_request
from support.secrets import SECRET

from gateway.app import create_app, halo_mount, mount_upstream
from gateway.cli.commands import main
from gateway.runtime import Runtime
from gateway.settings import Settings

pytestmark = pytest.mark.anyio
HALO, MOUNT = f"/integrator/sites/{GUID}/fhir/R4", "/labs"
HEADERS = {"ocp-apim-subscription-key": "synthetic", "authorization": "Bearer synthetic"}
ADMIN = {"authorization": f"Bearer {SECRET}"}
PHONE = {"system": "phone", "value": "0400000000", "use": "cell"}
PATIENT = {"resourceType": "Patient", "id": "1", "telecom": [PHONE], "meta": {"lastUpdated": "2026-07-01"}}


def map_use(code: str, when: str = "") -> str:
    """Pack that replaces a code of telecoms."""
    return pack_text(f'{{ map-code = "Patient.telecom.use", values = {{ "cell" = "{code}" }} }}', when)


class Upstream:
    """Upstream of one patient, whose engine has a version, and which remembers what was sent."""

    def __init__(self) -> None:
        self.urls: list[str] = []
        self.version = "26.600.1"
        self.error = ""

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.urls.append(str(request.url).partition("/fhir/R4/")[2])
        if request.url.path.endswith("/metadata"):
            statement = {"resourceType": "CapabilityStatement", "version": self.version}
            return httpx.Response(200, json=statement | {"software": {"name": "a", "version": self.version}})
        if self.error:
            issue = {"severity": "error", "code": "processing", "diagnostics": self.error}
            return httpx.Response(400, json={"resourceType": "OperationOutcome", "issue": [issue]})
        if not request.url.path.endswith("/Patient"):
            return httpx.Response(200, json=PATIENT)
        entry = [{"resource": PATIENT, "search": {"mode": "match"}}]
        return httpx.Response(200, json={"resourceType": "Bundle", "type": "searchset", "entry": entry})


class Later(Upstream):
    """Upstream that answers everything with the URL of a job."""

    def __init__(self, job: str) -> None:
        super().__init__()
        self.job = job

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.urls.append(str(request.url))
        return httpx.Response(202, headers={"content-location": self.job})


@pytest.fixture
def upstream() -> Upstream:
    return Upstream()


def settings(pack: str, profile: str = "off") -> Settings:
    labs = {"url": "https://labs.example/fhir/R4", "dialect": "fhir", "path": MOUNT, "packs": [pack]}
    return Settings.model_validate(
        {
            "sites": {GUID: {"time_zone": "Australia/Sydney", "name": "harbour"}},
            "cache": {"profile": profile},
            "admin": {"token": SECRET},
            "upstream": {"packs": [pack]},
            "upstreams": {"labs": labs | {"cache": {"profile": profile}}},
        }
    )


@asynccontextmanager
async def client_of(settings: Settings, upstream: Upstream) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(settings, transport=httpx.MockTransport(upstream))
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    client = httpx.AsyncClient(transport=transport, base_url="http://gw.example", headers=HEADERS)
    async with app.router.lifespan_context(app), client:
        yield client


def use_of(response: httpx.Response) -> Any:
    assert response.status_code == 200, response.text
    return response.json()["telecom"][0]["use"]


@pytest.mark.parametrize(("base", "site"), [(HALO, "harbour"), (MOUNT, "labs")])
async def test_issue_is_mended_counted_and_shown(
    tmp_path: Path, upstream: Upstream, base: str, site: str
) -> None:
    async with client_of(settings(write_pack(tmp_path, map_use("mobile"))), upstream) as client:
        response = await client.get(f"{base}/Patient/1")
        assert use_of(response) == "mobile"
        assert "vendor:one" in response.headers["gateway-repairs"]
        metrics = (await client.get("/metrics", headers=ADMIN)).text
        sites = (await client.get("/admin/sites", headers=ADMIN)).json()["sites"]
    assert f'halo_gateway_repairs_total{{outcome="fired",repair="vendor:one",site="{site}"}} 1.0' in metrics
    (issues,) = [each["knownIssues"]["issues"] for each in sites if each["name"] == site]
    assert "vendor:one" in {issue["issue"] for issue in issues}


async def test_repair_that_changes_nothing_is_counted_like_ours(tmp_path: Path, upstream: Upstream) -> None:
    pack = write_pack(tmp_path, map_use("mobile", 'type = "Person"'))
    async with client_of(settings(pack), upstream) as client:
        for base in (HALO, MOUNT):
            assert use_of(await client.get(f"{base}/Patient/1")) == "cell"
        metrics = (await client.get("/metrics", headers=ADMIN)).text
    for name in ("harbour", "labs"):
        line = f'halo_gateway_repairs_total{{outcome="no-op",repair="vendor:one",site="{name}"}} 1.0'
        assert line in metrics


async def test_command_lists_the_issues_of_packs(tmp_path: Path) -> None:
    pack = write_pack(tmp_path, map_use("mobile"))
    (tmp_path / "gateway.toml").write_text(
        f'[upstream]\npacks = ["{pack}"]\n[repairs]\n"vendor:one" = false\n'
    )
    result = CliRunner().invoke(main, ["known-issues", "--config", str(tmp_path / "gateway.toml")])
    assert result.exit_code == 0, result.output
    assert ["vendor:one", "off"] in [line.split()[:2] for line in result.output.splitlines()]


@pytest.mark.parametrize("name", ["", "labs"])
async def test_response_stored_under_another_pack_is_not_served(
    tmp_path: Path, upstream: Upstream, name: str
) -> None:
    chosen = settings(write_pack(tmp_path, map_use("mobile")), "cautious")
    runtime = Runtime(chosen, httpx.MockTransport(upstream))
    base = {"site": LABS, "upstream_base": "https://labs.example/fhir/R4"} if name else {}
    request = fhir_request("Patient/1", headers=tuple(HEADERS.items()), **base)

    async def read() -> bytes:
        mounted = runtime.settings.upstreams.get(name)
        mount = mount_upstream(runtime, name, mounted) if mounted else halo_mount(runtime)
        return (await mount.chains[0].handler(request)).with_encoded_body().body

    assert b'"use":"mobile"' in await read()
    assert b'"use":"mobile"' in await read()
    assert len(upstream.urls) == 1  # the store keeps it
    runtime.settings = settings(write_pack(tmp_path, map_use("home")), "cautious")  # as after a restart
    assert b'"use":"home"' in await read()
    await runtime.exit_stack.aclose()


@pytest.mark.parametrize(("base", "site"), [(HALO, "harbour"), (MOUNT, "labs")])
async def test_issue_of_errors_is_switched_off_and_no_repair(
    tmp_path: Path, upstream: Upstream, base: str, site: str
) -> None:
    pack = write_pack(tmp_path, pack_text('{ map-status = 410, says = "has ended" }', "status = 400"))
    chosen = settings(pack)
    upstream.error = "The page has ended"
    for switches, status in (({}, 410), ({"vendor:one": False}, 400)):
        changed = chosen.model_copy(update={"repairs": switches})
        async with client_of(changed, upstream) as client:
            assert (await client.get(f"{base}/Patient/1")).status_code == status
            upstream.error, error = "", upstream.error
            assert (await client.get(f"{base}/Patient/1")).status_code == 200
            upstream.error = error
            assert 'repair="vendor:one"' not in (await client.get("/metrics")).text


async def test_mount_counts_only_the_repairs_that_it_has(tmp_path: Path, upstream: Upstream) -> None:
    async with client_of(settings(write_pack(tmp_path, map_use("mobile"))), upstream) as client:
        await client.get(f"{MOUNT}/Patient/1")
        lines = [line for line in (await client.get("/metrics")).text.splitlines() if 'site="labs"' in line]
    counted = {line.partition('repair="')[2].partition('"')[0] for line in lines if "repairs_total" in line}
    assert counted == {"link-base-url", "reference-base-url", "vendor:one"}


@pytest.mark.parametrize("base", [HALO, MOUNT])
async def test_engine_version_of_the_issue_is_that_of_the_site(
    tmp_path: Path, upstream: Upstream, base: str
) -> None:
    pack = write_pack(tmp_path, map_use("mobile", 'engine-version = "< 26.700"'))
    async with client_of(settings(pack), upstream) as client:
        assert use_of(await client.get(f"{base}/Patient/1")) == "mobile"  # not known yet
        for version, use in (("26.600.1", "mobile"), ("26.0700.1", "cell"), ("26.699.9", "mobile")):
            upstream.version = version
            assert (await client.get(f"{base}/metadata")).status_code == 200
            sent = len(upstream.urls)
            assert use_of(await client.get(f"{base}/Patient/1")) == use
            assert len(upstream.urls) == sent + 1


@pytest.mark.parametrize("base", [HALO, MOUNT])
async def test_search_whose_meaning_depends_on_an_unknown_engine_is_refused(
    tmp_path: Path, upstream: Upstream, base: str
) -> None:
    when = 'type = "Patient", engine-version = "< 26.700"'
    rename = '{ rename = "phone", to = "mobile", reason = "The vendor calls it so." }'
    async with client_of(settings(write_pack(tmp_path, pack_text(rename, when))), upstream) as client:
        refused = await client.get(f"{base}/Patient?phone=0400000000")
        assert refused.status_code == 400
        assert "GET metadata" in refused.json()["issue"][0]["details"]["text"]
        assert upstream.urls == []
        assert (await client.get(f"{base}/Patient?family=Zzyzx")).status_code == 200
        await client.get(f"{base}/metadata")
        assert (await client.get(f"{base}/Patient?phone=0400000000")).status_code == 200
        assert "mobile=0400000000" in upstream.urls[-1]
        upstream.version = "26.701.1"
        await client.get(f"{base}/metadata")
        assert (await client.get(f"{base}/Patient?phone=0400000000")).status_code == 200
        assert "phone=0400000000" in upstream.urls[-1]


DROP = '{ drop = "gender", filter = "token", reason = "The vendor refuses it." }'
FHIR_JSON = {"content-type": "application/fhir+json"}


@pytest.mark.parametrize(
    ("method", "url", "content", "headers"),
    [
        ("GET", "/Patient?family=x&gender=female", None, {"prefer": "respond-async"}),
        ("PUT", "/Patient?family=x&gender=female", PATIENT, FHIR_JSON),
        ("POST", "/Patient", PATIENT, FHIR_JSON | {"if-none-exist": "gender=female"}),
        ("GET", "?_getpages=x&gender=female", None, {}),
        ("POST", "", {"method": "GET", "url": "Patient?gender=female"}, FHIR_JSON),
        ("POST", "", {"method": "DELETE", "url": "Patient?gender=female"}, FHIR_JSON),
    ],
)
async def test_mount_refuses_a_search_that_no_verb_reaches(
    tmp_path: Path, upstream: Upstream, method: str, url: str, content: Any, headers: dict[str, str]
) -> None:
    pack = write_pack(tmp_path, pack_text(DROP, 'type = "Patient"'))
    body = {"resourceType": "Bundle", "type": "batch", "entry": [{"request": content}]}
    sent = content if content is None or url else body
    async with client_of(settings(pack), upstream) as client:
        response = await client.request(method, MOUNT + url, json=sent, headers=headers)
    assert (response.status_code, upstream.urls) == (400, [])
    assert response.json()["issue"][0]["details"]["coding"][0]["code"] == "pack-refusal"


async def test_mount_sends_a_bundle_that_no_verb_concerns(tmp_path: Path, upstream: Upstream) -> None:
    pack = write_pack(tmp_path, pack_text(DROP, 'type = "Patient"'))
    entry = {"request": {"method": "GET", "url": "Patient?family=x"}}
    async with client_of(settings(pack), upstream) as client:
        await client.post(
            MOUNT, json={"resourceType": "Bundle", "type": "batch", "entry": [entry]}, headers=FHIR_JSON
        )
    assert len(upstream.urls) == 1


@pytest.mark.parametrize(("query", "status"), [("family=x&gender=female", 502), ("family=x", 202)])
async def test_matches_that_would_be_judged_cannot_come_later(
    tmp_path: Path, query: str, status: int
) -> None:
    """The vendor may answer any other search with a job, as it likes."""
    pack = write_pack(tmp_path, pack_text(DROP, 'type = "Patient"'))
    job = "https://labs.example/fhir/RequestResult/1"
    async with client_of(settings(pack), Later(job)) as client:
        response = await client.get(f"{MOUNT}/Patient?{query}")
    assert response.status_code == status
    assert ("come later" in response.text) is (status == 502)
