from pathlib import Path

import pytest
from emulator.health_gorilla.gorilla_client import GorillaClient

from gateway.emulator.health_gorilla.app import create_health_gorilla, health_gorilla_from_toml
from gateway.emulator.health_gorilla.settings import HealthGorillaSettings


def test_two_emulators_share_no_state(gorilla: GorillaClient) -> None:
    other = create_health_gorilla(HealthGorillaSettings(patients=3)).state.emulator
    assert len(other.tables["Patient"]) == 3
    assert gorilla.get("/fhir/R4/Patient").json()["total"] == 45


def test_settings_are_read_from_toml(tmp_path: Path) -> None:
    config = tmp_path / "gorilla.toml"
    config.write_text('patients = 4\npaging = "offset"\n[clients.mine]\nversions = ["R4"]\n')
    settings = health_gorilla_from_toml(config).state.emulator.settings
    assert (settings.patients, settings.paging, list(settings.clients)) == (4, "offset", ["mine"])


def test_wrong_setting_is_named(tmp_path: Path) -> None:
    config = tmp_path / "gorilla.toml"
    config.write_text('paging = "scroll"')
    with pytest.raises(ValueError, match="paging"):
        health_gorilla_from_toml(config)
