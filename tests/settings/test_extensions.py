"""Switches of repairs that plugins bring."""

from pathlib import Path
from typing import Any

import pytest
from support.packs import pack_text, write_pack
from support.plugins import PluginFolder
from support.requests import GUID

from gateway.settings import ConfigurationError, Settings, load
from gateway.settings.extensions import extension_issues, with_pack_paths
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


def mount(*packs: str) -> dict[str, Any]:
    return {"path": "/labs", "url": "https://labs.example/fhir", "dialect": "fhir", "packs": list(packs)}


def test_pack_of_two_upstreams_is_listed_once(tmp_path: Path) -> None:
    path = write_pack(tmp_path, pack_text("{ limit-ids = 3 }"))
    other = str(tmp_path / "." / "x" / ".." / "vendor.toml")
    (tmp_path / "x").mkdir()
    both = settings(upstream={"packs": [path]}, upstreams={"labs": mount(other)})
    assert [issue.id for issue in extension_issues(both)] == [ID, "vendor:one"]


def test_two_different_packs_of_one_name_are_refused(tmp_path: Path) -> None:
    (tmp_path / "two").mkdir()
    first = write_pack(tmp_path, pack_text("{ limit-ids = 3 }"))
    second = write_pack(tmp_path / "two", pack_text("{ limit-ids = 4 }"))
    with pytest.raises(ValueError, match="two different files are the pack vendor"):
        settings(upstream={"packs": [first]}, upstreams={"labs": mount(second)})


def test_paths_of_packs_are_below_the_folder_of_configuration() -> None:
    tables = {
        "upstream": {"packs": ["epic", "a.toml", "/b.toml", 3]},
        "upstreams": {"labs": {"packs": ["two/a.toml"]}, "x": 1},
        "log": {},
    }
    assert with_pack_paths(tables, Path("/etc/gw")) == {
        "upstream": {"packs": ["epic", "/etc/gw/a.toml", "/b.toml", 3]},
        "upstreams": {"labs": {"packs": ["/etc/gw/two/a.toml"]}, "x": 1},
        "log": {},
    }
    assert with_pack_paths({"upstream": 1, "upstreams": []}, Path("/x")) == {"upstream": 1, "upstreams": []}
