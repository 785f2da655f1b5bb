"""Settings of a kit of deploy/: its TOML file, and the variables of a file with secrets."""

import shlex
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
from click.testing import CliRunner
from conftest import ROOT

from gateway.cli.commands import main
from gateway.settings import Settings, load


def make_secrets(folder: Path, *redis: str) -> dict[str, str]:
    """Run deploy/make-secrets into a folder; return what gateway.env sets."""
    subprocess.run([ROOT / "deploy" / "make-secrets", folder, *redis], check=True, capture_output=True)
    return read_environment((folder / "gateway.env").read_text(encoding="utf-8"))


def read_environment(text: str) -> dict[str, str]:
    """Variables of an environment file, unquoted as shells, Compose and systemd do."""
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return {line.partition("=")[0]: "".join(shlex.split(line.partition("=")[2])) for line in lines}


def kit_settings(config: Path, environment: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings in effect; fails unless `halo-gateway check-config` passes them without a warning."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    result = CliRunner().invoke(main, ["check-config", "--config", str(config)])
    assert result.exit_code == 0, result.output
    assert set(warned_settings(result.stderr)) <= {"sites.<guid>.search.verified_by"}
    return load(config)


def warned_settings(stderr: str) -> list[str]:
    """Settings that check-config warns of."""
    return [line.split(": ")[1] for line in stderr.splitlines() if line.startswith("Warning: ")]


def drain_total(settings: Settings) -> int:
    """Seconds after SIGTERM before which the gateway must not be killed."""
    return settings.server.drain_delay + settings.server.drain_seconds + 5
