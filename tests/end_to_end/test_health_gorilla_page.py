"""The page of Health Gorilla: its configuration starts a gateway, and its commands give what it shows."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from emulator.health_gorilla.gorilla_client import assertion
from end_to_end.gorilla_gateway import PAGE, GorillaGateway, page_blocks, run_mount

from gateway.emulator.health_gorilla.app import create_health_gorilla
from gateway.emulator.serve import RunningEmulator
from gateway.settings import load

SANDBOX = "https://sandbox.healthgorilla.com"
SHOWN_GATEWAY = "http://127.0.0.1:8080"


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GorillaGateway]:
    """A gateway with the configuration of the page, in front of the emulator in place of the sandbox."""
    config = tmp_path_factory.mktemp("page") / "gateway.toml"
    (text,) = page_blocks("toml")
    with RunningEmulator(app=create_health_gorilla()) as emulator:
        config.write_text(text.replace(SANDBOX, emulator.url))
        with run_mount(emulator, "/labs", load(config)) as gateway:
            yield gateway


def test_configuration_of_the_page_is_valid_as_it_is(tmp_path: Path) -> None:
    config = tmp_path / "gateway.toml"
    config.write_text(page_blocks("toml")[0])
    mounts = load(config).upstreams
    assert {mount.dialect for mount in mounts.values()} == {"health-gorilla"}
    assert {name: (mount.path, mount.fhir_version) for name, mount in mounts.items()} == {
        "labs": ("/labs", "4.0"),
        "labs-stu3": ("/labs-stu3", "3.0"),
    }


def test_both_mounts_of_the_page_serve(walk: GorillaGateway) -> None:
    for mount in ("labs", "labs-stu3"):
        assert walk.get(f"{walk.origin}/{mount}/Patient").json()["total"] == 45


def test_commands_of_the_page_print_what_it_shows(walk: GorillaGateway) -> None:
    scripts = [block for block in page_blocks("sh") if "halo-gateway" not in block]
    script = "\n".join(["set -eu", f"ASSERTION={assertion(f'{walk.emulator.url}/oauth/token')}", *scripts])
    assert script.count("curl ") >= 8
    completed = subprocess.run(
        ["bash", "-c", script.replace(SHOWN_GATEWAY, walk.origin)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    expected = "".join(page_blocks("text")).replace(SHOWN_GATEWAY, walk.origin)
    assert (completed.stdout, completed.stderr) == (expected, "")


def test_page_describes_the_emulators_mode() -> None:
    text = PAGE.read_text(encoding="utf-8")
    settings = create_health_gorilla().state.emulator.settings.model_dump()
    unnamed = {"patients", "keep_requests", "token_seconds"}
    assert [name for name in settings if f"`{name}`" not in text and name not in unnamed] == []
