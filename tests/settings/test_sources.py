"""How file and environment become one configuration."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from gateway.settings import Settings
from gateway.settings.sources import settings_loader

GUID = "0a1b2c3d-0000-4000-8000-00000000000a"


def read(folder: Path, text: str) -> Settings:
    file = folder / "gateway.toml"
    file.write_text(text)
    return settings_loader(Settings, file)()


@pytest.mark.parametrize("written", [GUID, GUID.upper(), GUID.title()])
def test_guid_in_any_case_is_one_site(written: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"HALO_GATEWAY_SITES__{GUID.upper()}__NAME", "harbour")
    site = read(tmp_path, f"[sites.{written}]\ntime_zone = 'Australia/Perth'\nname = 'x'").sites
    assert {guid: (each.name, each.time_zone) for guid, each in site.items()} == {
        GUID: ("harbour", "Australia/Perth")
    }


def test_json_variable_goes_over_the_file_in_any_case(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HALO_GATEWAY_SITES", f'{{"{GUID.upper()}": {{"name": "harbour"}}}}')
    assert read(tmp_path, f"[sites.{GUID}]\nname = 'x'").sites[GUID].name == "harbour"


def test_json_variable_shares_a_site_with_others_in_any_case(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HALO_GATEWAY_SITES", f'{{"{GUID.upper()}": {{"name": "harbour"}}}}')
    monkeypatch.setenv(f"HALO_GATEWAY_SITES__{GUID}__TIME_ZONE", "Australia/Perth")
    found = settings_loader(Settings, None)().sites
    assert {guid: (each.name, each.time_zone) for guid, each in found.items()} == {
        GUID: ("harbour", "Australia/Perth")
    }


def test_one_site_in_two_cases_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match=f"given twice, in upper and lower case: {GUID}"):
        read(tmp_path, f"[sites.{GUID}]\nname = 'a'\n[sites.{GUID.upper()}]\nname = 'b'")


def test_variable_that_is_empty_counts_as_not_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CACHE__REDIS__URL", "UPSTREAM__URL", "PAGES__KEYS", "SITES__DEFAULT__TIME_ZONE", "SERVER"):
        monkeypatch.setenv(f"HALO_GATEWAY_{name}", "")
    found = read(tmp_path, "[sites.default]\ntime_zone = 'Australia/Perth'")
    assert found.cache.redis.url is None
    assert found.sites["default"].time_zone == "Australia/Perth"


@pytest.mark.parametrize("guid", [GUID, GUID.upper(), GUID.replace("-", "_"), GUID.upper().replace("-", "_")])
def test_variable_with_hyphens_or_underscores_is_one_site(
    guid: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"HALO_GATEWAY_SITES__{guid}__REPAIRS__LINK_BASE_URL", "false")
    monkeypatch.setenv("HALO_GATEWAY_REPAIRS__LINK_INCLUDE_PARAMS", "false")
    found = read(tmp_path, f"[sites.{GUID}.repairs]\nlink-base-url = true\nerror-envelope = false")
    assert found.sites[GUID].repairs == {"link-base-url": False, "error-envelope": False}
    assert found.repairs == {"link-include-params": False}


def test_table_of_a_file_in_capitals_is_no_setting(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match=r"(?m)^SERVER\n.*Extra inputs"):
        read(tmp_path, "[SERVER]\nmax_uri = 1\n[server]\nmax_uri = 2")


def test_json_that_is_nested_too_deeply_is_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HALO_GATEWAY_UPSTREAM", '{"url":' + "[" * 100_000)
    with pytest.raises(ValidationError, match=r"(?m)^upstream\n"):
        read(tmp_path, "")


@pytest.mark.parametrize("service", ["LOG", "SERVER", "SITES__X", "UPSTREAMS__X", "CACHE"])
def test_variables_of_a_platform_set_nothing(
    service: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"HALO_GATEWAY_{service}_SERVICE_HOST", "10.0.0.1")
    monkeypatch.setenv(f"HALO_GATEWAY_{service}_PORT", "tcp://10.0.0.1:80")
    monkeypatch.setenv("HALO_GATEWAY_ENV_LOG__LEVEL", "debug")
    assert read(tmp_path, "").model_dump() == Settings().model_dump()
