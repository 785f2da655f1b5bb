"""Switches of repairs that plugins bring."""

from pathlib import Path
from typing import Any

import pytest
from support.plugins import PluginFolder
from support.requests import GUID

from gateway.settings import ConfigurationError, Settings, load
from gateway.settings.extensions import extension_issues
from gateway.settings.resolve import ConfiguredSites

ID = "acme:slot-status-case"


@pytest.fixture(autouse=True)
def plugins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PluginFolder:
    folder = PluginFolder(tmp_path, monkeypatch)
    folder.add("acme")
    return folder


def settings(**values: Any) -> Settings:
    return Settings.model_validate({"plugins": ["acme"], **values})


def test_issues_of_plugins_are_known() -> None:
    assert [issue.id for issue in extension_issues(settings())] == [ID]
    assert extension_issues(Settings()) == ()


def test_repair_can_be_switched_off_for_all_sites_or_one() -> None:
    zone = {"time_zone": "Australia/Perth"}
    everywhere = settings(repairs={ID: False}, sites={GUID: zone})
    assert ConfiguredSites(everywhere).require(GUID).disabled_repairs == {ID}
    one = settings(sites={GUID: zone | {"repairs": {ID: False}}, "default": zone})
    assert ConfiguredSites(one).require(GUID).disabled_repairs == {ID}
    assert ConfiguredSites(one).require(GUID[:-1] + "b").disabled_repairs == frozenset()


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"repairs": {"acme:nothing": False}}, "repairs.acme:nothing: no such repair"),
        ({"plugins": [], "repairs": {ID: False}}, f"repairs.{ID}: no such repair"),
        ({"sites": {"default": {"repairs": {"x:y": True}}}}, "sites.default.repairs.x:y: no such repair"),
        ({"repairs": {"Acme:X": True}}, "no such repair: Acme:X"),
    ],
)
def test_switch_of_an_unknown_repair_is_refused(values: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        settings(**values)


def test_message_names_the_setting(tmp_path: Path) -> None:
    file = tmp_path / "gateway.toml"
    file.write_text(f'plugins = ["acme"]\n[repairs]\n"{ID}x" = false\n')
    with pytest.raises(ConfigurationError) as caught:
        load(file)
    assert str(caught.value) == f"repairs.{ID}x: no such repair; see halo-gateway known-issues"
