"""Configuration from file and environment."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from gateway.settings import Settings
from gateway.settings.sources import settings_loader

GUID = "0a1b2c3d-0000-4000-8000-00000000000a"


def load_text(folder: Path, text: str) -> Settings:
    file = folder / "gateway.toml"
    file.write_text(text)
    return settings_loader(Settings, file)()


@pytest.mark.parametrize("guid", [GUID, GUID.upper(), GUID.title()])
def test_guid_in_any_case_is_one_site(guid: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"HALO_GATEWAY_SITES__{GUID.upper()}__NAME", "harbour")
    sites = load_text(tmp_path, f"[sites.{guid}]\ntime_zone = 'Australia/Perth'\nname = 'x'").sites
    assert {key: (site.name, site.time_zone) for key, site in sites.items()} == {
        GUID: ("harbour", "Australia/Perth")
    }


def test_json_variable_in_any_case_overrides_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HALO_GATEWAY_SITES", f'{{"{GUID.upper()}": {{"name": "harbour"}}}}')
    assert load_text(tmp_path, f"[sites.{GUID}]\nname = 'x'").sites[GUID].name == "harbour"


def test_json_variable_and_others_in_any_case_merge(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HALO_GATEWAY_SITES", f'{{"{GUID.upper()}": {{"name": "harbour"}}}}')
    monkeypatch.setenv(f"HALO_GATEWAY_SITES__{GUID}__TIME_ZONE", "Australia/Perth")
    sites = settings_loader(Settings, None)().sites
    assert {guid: (site.name, site.time_zone) for guid, site in sites.items()} == {
        GUID: ("harbour", "Australia/Perth")
    }


def test_one_site_in_two_cases_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match=f"set twice, in upper and lower case: {GUID}"):
        load_text(tmp_path, f"[sites.{GUID}]\nname = 'a'\n[sites.{GUID.upper()}]\nname = 'b'")


def test_empty_variable_is_ignored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CACHE__REDIS__URL", "UPSTREAM__URL", "PAGING__KEYS", "SITES__DEFAULT__TIME_ZONE", "SERVER"):
        monkeypatch.setenv(f"HALO_GATEWAY_{name}", "")
    settings = load_text(tmp_path, "[sites.default]\ntime_zone = 'Australia/Perth'")
    assert settings.cache.redis.url is None
    assert settings.sites["default"].time_zone == "Australia/Perth"


@pytest.mark.parametrize("guid", [GUID, GUID.upper(), GUID.replace("-", "_"), GUID.upper().replace("-", "_")])
def test_variable_with_hyphens_or_underscores_is_one_site(
    guid: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"HALO_GATEWAY_SITES__{guid}__REPAIRS__LINK_BASE_URL", "false")
    monkeypatch.setenv("HALO_GATEWAY_REPAIRS__LINK_INCLUDE_PARAMS", "false")
    settings = load_text(tmp_path, f"[sites.{GUID}.repairs]\nlink-base-url = true\nerror-envelope = false")
    assert settings.sites[GUID].repairs == {"link-base-url": False, "error-envelope": False}
    assert settings.repairs == {"link-include-params": False}


def test_table_in_upper_case_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match=r"(?m)^SERVER\n.*Extra inputs"):
        load_text(tmp_path, "[SERVER]\nmax_uri = 1\n[server]\nmax_uri = 2")


def test_deeply_nested_json_is_rejected_with_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HALO_GATEWAY_UPSTREAM", '{"url":' + "[" * 100_000)
    with pytest.raises(ValidationError, match=r"(?m)^upstream\n"):
        load_text(tmp_path, "")


@pytest.mark.parametrize("service", ["LOG", "SERVER", "SITES__X", "UPSTREAMS__X", "CACHE"])
def test_variables_of_a_platform_set_nothing(
    service: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"HALO_GATEWAY_{service}_SERVICE_HOST", "10.0.0.1")
    monkeypatch.setenv(f"HALO_GATEWAY_{service}_PORT", "tcp://10.0.0.1:80")
    monkeypatch.setenv("HALO_GATEWAY_ENV_LOG__LEVEL", "debug")
    assert load_text(tmp_path, "").model_dump() == Settings().model_dump()
