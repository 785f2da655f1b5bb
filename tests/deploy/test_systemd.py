"""deploy/systemd: the unit by systemd's own checks, and its settings by the gateway's."""

import re
import subprocess
from pathlib import Path

import pytest
from conftest import ROOT
from support.kit_settings import drain_total, kit_settings, make_secrets, read_environment
from support.programs import require_program

KIT = ROOT / "deploy" / "systemd"
UNIT = (KIT / "halo-gateway@.service").read_text(encoding="utf-8")
#: Largest exposure by `systemd-analyze security` that is accepted; 10 is a service without any protection.
MAX_EXPOSURE = 1.5


def values(key: str) -> list[str]:
    return re.findall(rf"^{key}=(.*)$", UNIT, re.MULTILINE)


def instance(folder: Path) -> Path:
    """The unit as an instance, with a program that exists here."""
    unit = folder / "halo-gateway@8081.service"
    unit.write_text(UNIT.replace("/opt/halo-gateway/bin/halo-gateway", "/bin/true"))
    return unit


def test_systemd_accepts_the_unit(tmp_path: Path) -> None:
    command = [require_program("systemd-analyze"), "verify", "--man=no", str(instance(tmp_path))]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "")


def test_exposure_is_low(tmp_path: Path) -> None:
    command = [require_program("systemd-analyze"), "security", "--offline=true", str(instance(tmp_path))]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    (exposure,) = re.findall(r"exposure level for \S+: ([\d.]+)", result.stdout)
    print("systemd-analyze security:", exposure)
    assert float(exposure) <= MAX_EXPOSURE


@pytest.mark.parametrize("port", ["8081", "8082"])
def test_instance_starts_with_made_secrets(
    port: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = dict(variable.replace("%i", port).split("=", 1) for variable in values("Environment"))
    settings = kit_settings(
        KIT / "gateway.toml", make_secrets(tmp_path / "s", "127.0.0.1:6379") | own, monkeypatch
    )
    assert settings.admin.listen == f"127.0.0.1:1{port}"
    (grace,) = values("TimeoutStopSec")
    assert int(grace) >= drain_total(settings)


def test_example_of_the_environment_names_what_is_made(tmp_path: Path) -> None:
    example = read_environment((KIT / "gateway.env.example").read_text(encoding="utf-8"))
    made = make_secrets(tmp_path / "secrets", "127.0.0.1:6379")
    assert example.keys() == made.keys()
    assert [value for value in made.values() if "REPLACE" in value] == []


def test_settings_are_those_of_the_compose_kit() -> None:
    """But for nginx's address and the operators' port, which each instance sets."""
    compose = (ROOT / "deploy" / "compose" / "gateway.toml").read_text(encoding="utf-8")
    own = (KIT / "gateway.toml").read_text(encoding="utf-8")
    settings = [{line.partition("#")[0].strip() for line in text.splitlines()} for text in (compose, own)]
    assert settings[0] - settings[1] == {
        'trusted_proxies = ["172.30.17.10/32"]',
        "[admin]",
        'listen = "0.0.0.0:9090"',
        'hosts = ["gateway-1", "gateway-2"]',
    }
    assert settings[1] - settings[0] == {'trusted_proxies = ["127.0.0.1/32"]'}
