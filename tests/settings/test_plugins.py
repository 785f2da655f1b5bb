"""Setting `plugins`, and what it permits: dialects of mounts, and switches of repairs."""

import re
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT
from support.plugins import REPAIR, PluginFolder

from gateway.settings import ConfigurationError, MountedUpstream, Settings, load
from gateway.settings.plugins import plugins_of
from gateway.upstreams import DIALECTS
from gateway.upstreams.dialect import Dialect

DIALECT = """
from halo_gateway import Dialect, UpstreamLimits
HALO_GATEWAY_API = 1
LIMITS = UpstreamLimits(read_timeout=7.0, total_timeout=9.0, max_request_body=123)
DIALECT = Dialect("acme", (), limits=LIMITS, product="Acme FHIR")
"""
MOUNT = {"url": "http://upstream.example", "dialect": "acme:acme", "path": "/acme"}


@pytest.fixture
def plugins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PluginFolder:
    folder = PluginFolder(tmp_path, monkeypatch)
    folder.add("acme", DIALECT + REPAIR, upstreams="acme=DIALECT")
    return folder


def settings(**values: Any) -> Settings:
    return Settings.model_validate({"plugins": ["acme"], **values})


@pytest.mark.usefixtures("plugins")
def test_dialect_of_a_plugin_can_be_mounted() -> None:
    upstream = settings(upstreams={"acme": MOUNT}).upstreams["acme"]
    assert upstream.dialect == "acme:acme"
    assert upstream.resolved_dialect.title == "Acme FHIR"
    assert upstream.dialect_named("acme:acme") is upstream.resolved_dialect
    assert (upstream.timeouts.read, upstream.timeouts.total, upstream.request_body_limit) == (7.0, 9.0, 123)
    assert upstream.rate_windows == ()
    assert "acme:acme" not in DIALECTS


@pytest.mark.usefixtures("plugins")
def test_two_configurations_in_one_process_share_nothing() -> None:
    assert settings(upstreams={"acme": MOUNT}).loaded_plugins.dialects
    assert not Settings().loaded_plugins.dialects
    with pytest.raises(ValueError, match=r"upstreams\.acme\.dialect(.|\n)*or package:name of a dialect"):
        Settings.model_validate({"upstreams": {"acme": MOUNT}})


@pytest.mark.usefixtures("plugins")
def test_effective_settings_can_be_read_again() -> None:
    first = settings(upstreams={"acme": MOUNT}, repairs={"acme:slot-status-case": False})
    again = Settings.model_validate(first.model_dump())
    assert again == first
    assert again.upstreams["acme"].resolved_dialect == first.upstreams["acme"].resolved_dialect


def test_mount_accepts_a_dialect_itself() -> None:
    invented = Dialect("invented", ())
    assert MountedUpstream.model_validate({**MOUNT, "dialect": invented}).resolved_dialect is invented


@pytest.mark.usefixtures("plugins")
def test_file_and_environment_set_plugins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "gateway.toml"
    mount = "\n".join(f'{name} = "{value}"' for name, value in MOUNT.items())
    file.write_text(f'plugins = ["acme"]\n[upstreams.acme]\n{mount}\n')
    assert load(file).upstreams["acme"].resolved_dialect.name == "acme:acme"
    monkeypatch.setenv("HALO_GATEWAY_PLUGINS", '["acme"]')
    monkeypatch.setenv("HALO_GATEWAY_REPAIRS", '{"acme:slot-status-case": false}')
    assert load().repairs == {"acme:slot-status-case": False}


def test_plugin_that_cannot_be_used_is_a_configuration_error(tmp_path: Path) -> None:
    file = tmp_path / "gateway.toml"
    file.write_text('plugins = ["nothing-of-this-name"]\n')
    with pytest.raises(
        ConfigurationError, match=re.escape("plugins: 'nothing-of-this-name' is no installed")
    ):
        load(file)


def test_copy_with_other_plugins_loads_them(plugins: PluginFolder) -> None:
    plugins.add("other")
    copy = settings().model_copy(update={"plugins": ("other",)})
    assert [repair.issue.id for repair in copy.loaded_plugins.repairs] == ["other:slot-status-case"]
    assert plugins_of(()).repairs == ()


def test_dialect_of_a_mount_is_never_looked_up_by_name() -> None:
    """`upstream.resolved_dialect` knows those of plugins; the table knows the gateway's own only."""
    pattern = re.compile(r"DIALECTS\[[\w.]+\.dialect\]")
    modules = [path for path in (ROOT / "gateway").rglob("*.py") if path.name != "upstreams.py"]
    assert [path.name for path in modules if pattern.search(path.read_text(encoding="utf-8"))] == []
