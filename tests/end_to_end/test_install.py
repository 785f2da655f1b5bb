"""What was built, installed as a user would: every command works away from the repo, or names its extra."""

import os
import re
import subprocess
import sys
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from click import Group
from conftest import KEY, ROOT

from gateway.cli.commands import main
from gateway.emulator.sites import SITES, SYDNEY

pytestmark = [pytest.mark.install, pytest.mark.timeout(600)]

assert isinstance(main, Group)
COMMANDS = sorted(main.commands)
#: What pip needs to reach a package index; nothing else of this environment is passed on.
PASSED = re.compile(r"PIP_.*|SSL_.*|.*_CA_BUNDLE|.*_proxy|PATH|HOME|LANG", re.IGNORECASE)


class Installed:
    """The gateway in an environment of its own, used from a folder that holds nothing."""

    def __init__(self, bin_: Path, elsewhere: Path) -> None:
        self.bin = bin_
        self.elsewhere = elsewhere

    def run(self, *arguments: str, program: str = "halo-gateway", **settings: str) -> tuple[int, str, str]:
        """Exit code, stdout and stderr."""
        ran = subprocess.run(
            [self.bin / program, *arguments],
            cwd=self.elsewhere,
            env=environment() | {f"HALO_GATEWAY_{name}": value for name, value in settings.items()},
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        return ran.returncode, ran.stdout, ran.stderr

    def pip(self, *arguments: str) -> None:
        """Install something. Fails with what pip said."""
        code, _, said = self.run("install", "--quiet", *arguments, program="pip")
        assert code == 0, said

    @contextmanager
    def running(self, *arguments: str, **settings: str) -> Iterator[str]:
        """A command that serves, and its URL."""
        env = environment() | {f"HALO_GATEWAY_{name}": value for name, value in settings.items()}
        command = [self.bin / "halo-gateway", *arguments, "--port", "0"]
        with subprocess.Popen(
            command, cwd=self.elsewhere, env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        ) as process:
            try:
                assert process.stdout is not None
                yield process.stdout.readline().split()[-1]
            finally:
                process.terminate()


def environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if PASSED.fullmatch(name)}


def built(pattern: str) -> str:
    """The file that `make dist` made."""
    (path,) = (ROOT / "dist").glob(pattern)
    return str(path)


SOURCES = {"wheel": "*.whl", "sdist": "*.tar.gz", "folder": ""}


@pytest.fixture(scope="module", params=SOURCES)
def plain(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The gateway without extras, from one of the forms in which it can be had."""
    pattern = SOURCES[request.param]
    return install(built(pattern) if pattern else str(ROOT), tmp_path_factory.mktemp(request.param))


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The wheel with its largest extra."""
    return install(f"{built('*.whl')}[demo]", tmp_path_factory.mktemp("demo"))


def install(source: str, folder: Path) -> Installed:
    venv.create(folder / "env", with_pip=True)
    (folder / "elsewhere").mkdir()
    found = Installed(folder / "env" / "bin", folder / "elsewhere")
    found.pip(source)
    return found


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(plain: Installed, command: str) -> None:
    code, out, _ = plain.run(command, "--help")
    assert code == 0
    assert out.startswith("Usage: halo-gateway")


def test_commands_that_only_print_work(plain: Installed) -> None:
    zone = {f"SITES__{SYDNEY.upper()}__TIME_ZONE": "Australia/Sydney"}
    assert plain.run("check-config", **zone)[0] == 0
    assert "link-base-url" in plain.run("known-issues")[1]
    code, out, said = plain.run("explain", "Appointment?date=2026-04", "--site", SYDNEY, **zone)
    assert (code, said) == (0, "")
    assert "ge2026-04-01" in out
    assert plain.run("--version")[1].startswith("halo-gateway")


@pytest.mark.parametrize(
    ("command", "extra"), [("emulate", "emulator"), ("demo", "demo"), ("validate -", "validation")]
)
def test_a_command_without_its_extra_names_it_in_one_line(plain: Installed, command: str, extra: str) -> None:
    code, out, said = plain.run(*command.split())
    assert (code, out, said.count("\n")) == (1, "", 1)
    assert f"pip install 'halo-gateway[{extra}]'" in said


def test_a_gateway_serves_its_documents(plain: Installed) -> None:
    with plain.running("serve") as url, httpx.Client(base_url=url, trust_env=False) as client:
        assert client.get("/openapi.yaml").text.startswith("openapi:")
        page = client.get("/", headers={"accept": "text/html"})
        assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
        assert "<h1" in client.get("/docs/install.md", headers={"accept": "text/html"}).text


def test_emulator_and_gateway_answer_together(demo: Installed) -> None:
    zones = {f"SITES__{guid.upper()}__TIME_ZONE": site.zone_name for guid, site in SITES.items()}
    with (
        demo.running("emulate") as emulator,
        demo.running("serve", UPSTREAM__URL=emulator, **zones) as url,
    ):
        path = f"{url}/integrator/sites/{SYDNEY}/fhir/R4/Patient/1"
        answer = httpx.get(path, headers=KEY, trust_env=False, timeout=60)
    assert (answer.status_code, answer.json()["id"]) == (200, "1")


def test_the_demo_shows_every_repair(demo: Installed) -> None:
    code, out, said = demo.run("demo", "--once", "--port", "0")
    assert code == 0, said
    assert "Every repair held." in out


def test_validate_judges_a_resource(demo: Installed) -> None:
    path = demo.elsewhere / "patient.json"
    path.write_text('{"resourceType": "Patient", "gender": "synthetic"}')
    code, out, _ = demo.run("validate", str(path))
    assert code == 1
    assert "Patient.gender" in out


def test_pipx_gives_the_command(tmp_path: Path) -> None:
    home = {"PIPX_HOME": str(tmp_path / "home"), "PIPX_BIN_DIR": str(tmp_path / "bin")}
    command = [sys.executable, "-m", "pipx", "install", "--python", sys.executable, built("*.whl")]
    subprocess.run(command, env=environment() | home, check=True, capture_output=True, cwd=tmp_path)
    code, out, _ = Installed(tmp_path / "bin", tmp_path).run("known-issues")
    assert code == 0
    assert "link-base-url" in out
