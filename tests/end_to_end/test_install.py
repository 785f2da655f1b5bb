"""Installation of the built package: every command works outside the repository, or names its extra."""

import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from click import Group
from conftest import KEY, ROOT
from support.installation import Installation, environment, install

from gateway.cli.commands import main
from gateway.emulator.sites import SITES, SYDNEY

pytestmark = [pytest.mark.install, pytest.mark.timeout(600)]

assert isinstance(main, Group)
COMMANDS = sorted(main.commands)


def dist_file(pattern: str) -> str:
    """A file of `make dist`."""
    (path,) = (ROOT / "dist").glob(pattern)
    return str(path)


SOURCES = {"wheel": "*.whl", "sdist": "*.tar.gz", "folder": ""}


@pytest.fixture(scope="module", params=SOURCES)
def base_install(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """The gateway without extras, from wheel, sdist or folder."""
    pattern = SOURCES[request.param]
    return install(dist_file(pattern) if pattern else str(ROOT), tmp_path_factory.mktemp(request.param))


@pytest.fixture(scope="module")
def demo_install(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """The wheel with its largest extra."""
    return install(f"{dist_file('*.whl')}[demo]", tmp_path_factory.mktemp("demo"))


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(base_install: Installation, command: str) -> None:
    code, stdout, _ = base_install.run(command, "--help")
    assert code == 0
    assert stdout.startswith("Usage: halo-gateway")


def test_printing_commands_work(base_install: Installation) -> None:
    zone = {f"SITES__{SYDNEY.upper()}__TIME_ZONE": "Australia/Sydney"}
    assert base_install.run("check-config", **zone)[0] == 0
    assert "link-base-url" in base_install.run("known-issues")[1]
    code, stdout, errors = base_install.run("explain", "Appointment?date=2026-04", "--site", SYDNEY, **zone)
    assert (code, errors) == (0, "")
    assert "ge2026-03-31T13:00:00" in stdout  # the site's clock or UTC
    assert base_install.run("--version")[1].startswith("halo-gateway")


@pytest.mark.parametrize(
    ("command", "extra"), [("emulate", "emulator"), ("demo", "demo"), ("validate -", "validation")]
)
def test_command_without_its_extra_names_it_in_one_line(
    base_install: Installation, command: str, extra: str
) -> None:
    code, stdout, errors = base_install.run(*command.split())
    assert (code, stdout, errors.count("\n")) == (1, "", 1)
    assert f"pip install 'halo-gateway[{extra}]'" in errors


def test_gateway_serves_its_documents(base_install: Installation) -> None:
    with base_install.serve("serve") as url, httpx.Client(base_url=url, trust_env=False) as client:
        assert client.get("/openapi.yaml").text.startswith("openapi:")
        page = client.get("/", headers={"accept": "text/html"})
        assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
        assert "<h1" in client.get("/docs/install.md", headers={"accept": "text/html"}).text


def test_emulator_and_gateway_work_together(demo_install: Installation) -> None:
    zones = {f"SITES__{guid.upper()}__TIME_ZONE": site.zone_name for guid, site in SITES.items()}
    with (
        demo_install.serve("emulate") as emulator,
        demo_install.serve("serve", UPSTREAM__URL=emulator, **zones) as url,
    ):
        path = f"{url}/integrator/sites/{SYDNEY}/fhir/R4/Patient/1"
        response = httpx.get(path, headers=KEY, trust_env=False, timeout=60)
    assert (response.status_code, response.json()["id"]) == (200, "1")


def test_demo_shows_every_repair(demo_install: Installation) -> None:
    code, stdout, errors = demo_install.run("demo", "--once", "--port", "0")
    assert code == 0, errors
    assert "Every repair worked." in stdout


def test_validate_reports_an_invalid_code(demo_install: Installation) -> None:
    path = demo_install.empty_folder / "patient.json"
    path.write_text('{"resourceType": "Patient", "gender": "synthetic"}')
    code, stdout, _ = demo_install.run("validate", str(path))
    assert code == 1
    assert "Patient.gender" in stdout


def test_pipx_installs_the_command(tmp_path: Path) -> None:
    pipx_variables = {"PIPX_HOME": str(tmp_path / "home"), "PIPX_BIN_DIR": str(tmp_path / "bin")}
    command = [sys.executable, "-m", "pipx", "install", "--python", sys.executable, dist_file("*.whl")]
    subprocess.run(command, env=environment() | pipx_variables, check=True, capture_output=True, cwd=tmp_path)
    code, stdout, _ = Installation(tmp_path / "bin", tmp_path).run("known-issues")
    assert code == 0
    assert "link-base-url" in stdout
