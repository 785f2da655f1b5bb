"""The plugin of docs/plugins.md as an outsider makes it: built from the page, installed, and served."""

import json
import re
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from conftest import KEY, ROOT
from support.installation import Installation, install
from support.requests import GUID
from support.server_thread import ServerThread

pytestmark = [pytest.mark.install, pytest.mark.timeout(600)]
PAGE = (ROOT / "docs" / "plugins.md").read_text(encoding="utf-8")
#: A file of the page's package: its name in backticks, a sentence to the colon, and its text in a block.
FILE = re.compile(r"`([\w.]+)`[^`]*:\n\n```\w+\n(.*?)^```", re.DOTALL | re.MULTILINE)
PACKAGE, ID = "acme-halo-repairs", "acme-halo-repairs:slot-status-case"
BASE = f"/integrator/sites/{GUID}/fhir/R4"


def files_of_page() -> dict[str, str]:
    return {name: text for name, text in FILE.findall(PAGE) if name != "gateway.toml"}


class SlotHandler(BaseHTTPRequestHandler):
    """Upstream whose every answer is a slot with its status in upper case."""

    def do_GET(self) -> None:
        body = json.dumps({"resourceType": "Slot", "id": "1", "status": "FREE"}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/fhir+json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Write nothing."""


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """The gateway, and the page's package beside it."""
    folder = tmp_path_factory.mktemp("plugin")
    source = folder / PACKAGE
    source.mkdir()
    for name, text in files_of_page().items():
        (source / name).write_text(text)
    found = install(str(ROOT), folder)
    found.pip("--no-deps", str(source))
    found.pip("pytest")
    return found


@pytest.fixture
def upstream() -> Iterator[str]:
    with ServerThread(ThreadingHTTPServer(("127.0.0.1", 0), SlotHandler)) as server:
        yield server.url


@pytest.fixture
def config(installation: Installation, upstream: str) -> Path:
    """The page's own settings, in front of the upstream."""
    (text,) = re.findall(r"```toml\n# gateway\.toml\n(.*?)```", PAGE, re.DOTALL)
    file = installation.empty_folder / "gateway.toml"
    text = text.replace("https://fhir.acme.example", upstream)
    file.write_text(
        f'{text}\n[sites.{GUID}]\ntime_zone = "Australia/Perth"\n[upstream]\nurl = "{upstream}"\n'
    )
    return file


def test_tests_of_the_plugin_pass(installation: Installation) -> None:
    source = installation.empty_folder.parent / PACKAGE
    code, output, errors = installation.run("-q", "-p", "no:cacheprovider", str(source), program="pytest")
    assert code == 0, output + errors
    assert "3 passed" in output


def test_plugin_repairs_both_upstreams(installation: Installation, config: Path) -> None:
    with installation.serve("serve", "--config", str(config)) as url:
        slot = httpx.get(f"{url}{BASE}/Slot/1", headers=KEY, trust_env=False, timeout=60)
        mounted = httpx.get(f"{url}/acme/Slot/1", headers={"authorization": "Bearer a"}, trust_env=False)
        refused = httpx.get(f"{url}/acme/Slot/1", trust_env=False)
    assert (slot.status_code, slot.json()["status"]) == (200, "free")
    assert slot.headers["gateway-repairs"] == ID
    assert (mounted.status_code, mounted.json()["status"]) == (200, "free")
    assert (refused.status_code, refused.headers["www-authenticate"]) == (401, 'Bearer realm="acme"')


def test_commands_know_the_plugin(installation: Installation, config: Path) -> None:
    assert ID in installation.run("known-issues", "--config", str(config))[1]
    code, _, errors = installation.run("check-config", PLUGINS='["nothing"]')
    assert code == 1
    assert f"installed with one: {PACKAGE}" in errors


def test_plugin_that_is_not_named_does_nothing(installation: Installation, upstream: str) -> None:
    zone = {f"SITES__{GUID.upper()}__TIME_ZONE": "Australia/Perth", "UPSTREAM__URL": upstream}
    with installation.serve("serve", **zone) as url:
        slot = httpx.get(f"{url}{BASE}/Slot/1", headers=KEY, trust_env=False, timeout=60)
    assert slot.json()["status"] == "FREE"
