"""Every command of the README and the docs runs: for real, or by a stand-in that checks its arguments."""

import json
import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from conftest import ROOT
from structlog.testing import capture_logs
from support.doc_commands import (
    PORTS,
    Section,
    copy_checkout,
    free_ports,
    replace_ports,
    script,
    sections,
)
from support.doc_programs import NOT_RUN
from support.programs import require_program
from support.secrets import SECRET

from gateway.app import create_app
from gateway.emulator.serve import RunningEmulator
from gateway.emulator.settings import EmulatorSettings
from gateway.emulator.sites import SITES, SYDNEY
from gateway.server.serve import ThreadedServer
from gateway.settings import load

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
#: Pages whose commands another test runs, with what they print.
RUN_ELSEWHERE = {
    "halo-itsm.md": "end_to_end/test_halo_itsm.py",
    "health-gorilla.md": "end_to_end/test_health_gorilla_page.py",
    "plugins.md": "end_to_end/test_install_plugins.py",
}
SECTIONS = [each for page in PAGES if page.name not in RUN_ELSEWHERE for each in sections(page)]
#: What a reader fills in, or what depends on the machine, and what stands for it here.
WORDS = {
    "HALO_GATEWAY_ADMIN__TOKEN=…": f"HALO_GATEWAY_ADMIN__TOKEN={SECRET}",
    "HALO_GATEWAY_PROBE_KEY=…": "HALO_GATEWAY_PROBE_KEY=demo-key",
    "https://gateway.example": "http://127.0.0.1:9090",
    "http://10.0.0.5:8080": "http://127.0.0.1:9090",
    # There is no such pause, and no such query: a refusal by the gateway is enough.
    "halo-gateway reset --pause caller:1f0c…": "! halo-gateway reset --pause caller:1f0c",
    "/queries/{queryId}'": f"/queries/{SYDNEY}' || [ $? -eq 22 ]",
}
#: Programs of a system that the commands use as they are.
REAL_PROGRAMS = ("redis-server", "redis-cli", "nginx", "openssl", "kubectl", "curl")
#: Aliases that the pages use.
NAMES = {SYDNEY: "harbour"}
PATIENT = {"resourceType": "Patient", "id": "1"}
BUNDLE = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": PATIENT}]}


@dataclass(frozen=True)
class World:
    """An emulator, and a gateway before it with an operators' port."""

    emulator: str
    ports: Mapping[str, str]
    folder: Path


def configuration(emulator: str, ports: Mapping[str, str], folder: Path) -> str:
    sites = "\n".join(
        f'[sites.{guid}]\nname = "{NAMES.get(guid, guid[-4:])}"\ntime_zone = "{site.zone_name}"'
        for guid, site in SITES.items()
    )
    return f"""
[upstream]
url = "{emulator}"
[admin]
listen = "127.0.0.1:{ports["9090"]}"
token = "{SECRET}"
[cors]
origins = ["https://app.example.com.au"]
[ledger]
path = "{folder}/ledger.db"
{sites}
"""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder, free = tmp_path_factory.mktemp("docs"), free_ports()
    ports = free | {"8081": free["8080"], "9091": free["9090"]}
    with RunningEmulator(EmulatorSettings(patients=30)) as emulator:
        (folder / "gateway.toml").write_text(configuration(emulator.url, ports, folder))
        settings = load(folder / "gateway.toml")
        with capture_logs(), ThreadedServer(create_app(settings), port=int(ports["8080"])):
            yield World(emulator.url, ports, folder)


def write_files(folder: Path, section: Section, world: World, ports: Mapping[str, str]) -> None:
    """Write what the commands of a section read: a checkout, a configuration, resources."""
    copy_checkout(folder, ports)
    ledger = folder if section.has_servers else world.folder
    (folder / "gateway.toml").write_text(configuration(world.emulator, ports, ledger))
    for language, text in section.blocks:
        if language == "toml" and (name := re.match(r"# (\S+\.toml)\n", text)):
            (folder / name[1]).write_text(replace_ports(text, ports))
    (folder / "patient.json").write_text(json.dumps(PATIENT))
    (folder / "bundle.json").write_text(json.dumps(BUNDLE))
    (folder / "export.ndjson").write_text(json.dumps(PATIENT) + "\n")


def run_script(text: str, folder: Path, ports: Mapping[str, str]) -> "subprocess.CompletedProcess[str]":
    """Run a script in a folder, with the variables that the pages take for granted."""
    fhir = f"http://127.0.0.1:{ports['8080']}/integrator/sites/{SYDNEY}/fhir/R4"
    own = {"HALO_GATEWAY_CONFIG": "gateway.toml", "KEY": "demo-key", "TOKEN": SECRET, "GATEWAY": fhir}
    # A rolling restart without the kit's ten seconds for load balancers that check health.
    own |= {"HALO_GATEWAY_SERVER__DRAIN_DELAY": "0"}
    environment = os.environ | own | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(
        ["bash", "-c", text],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.id)
def test_commands_of_a_section_run(section: Section, world: World, tmp_path: Path) -> None:
    for program in REAL_PROGRAMS:
        if program in section.shell:
            require_program(program)
    ports = free_ports() if section.has_servers else world.ports
    write_files(tmp_path, section, world, ports)
    result = run_script(script(section, ports, WORDS), tmp_path, ports)
    assert result.returncode == 0, f"{result.stdout[-2000:]}\n{result.stderr[-4000:]}"


@pytest.mark.parametrize(
    "command",
    [
        "halo-gateway nothing",
        "halo-gateway check-config --config none.toml",
        "nothing",
        "curl http://127.0.0.1:8080/none",
        "docker compose -f deploy/none.yaml up",
        "docker compose -f deploy/compose/compose.yaml up gateway-3",
        "docker compose -f deploy/compose/compose.yaml exec gateway-1 halo-gateway none",
        "docker build --target none .",
        "docker run -v none.toml:/gateway.toml halo-gateway",
        "kubectl apply -k deploy/none",
        "kubectl -n halo-gateway rollout status deployment/none",
        "make nothing",
        "pip install '.[nothing]'",
        "pip install -r requirements/none.txt",
        "sudo install -m 644 deploy/none /etc/",
        "sudo systemctl restart none",
        "sudo apt-get install none",
    ],
)
def test_command_that_is_wrong_fails(command: str, world: World, tmp_path: Path) -> None:
    section = Section("page.md", "title", (("sh", f"{command}\n"),))
    if "kubectl" in command:
        require_program("kubectl")
    write_files(tmp_path, section, world, world.ports)
    assert run_script(script(section, world.ports, {}), tmp_path, world.ports).returncode != 0


def test_pages_run_elsewhere_are() -> None:
    for page, test in RUN_ELSEWHERE.items():
        assert sections(ROOT / "docs" / page)
        text = (ROOT / "tests" / test).read_text(encoding="utf-8")
        assert "PAGE" in text, test


def test_every_replacement_is_used() -> None:
    shell = "\n".join(section.shell for section in SECTIONS)
    assert [word for word in WORDS if word not in shell] == []
    assert [port for port in PORTS if not re.search(rf"\b{port}\b", shell)] == []


def test_every_program_that_is_not_run_has_its_reason() -> None:
    assert all(reason for reason, _ in NOT_RUN.values())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_blocks_with_commands_are_marked_as_shell(page: Path) -> None:
    blocks = re.findall(r"^```(\w*)\n(.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    assert [text for language, text in blocks if not language] == []
