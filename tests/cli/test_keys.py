"""Commands `keys new` and `keys rotate`."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner
from support.secrets import OTHER_SECRET, SECRET

from gateway.cli.commands import main
from gateway.cli.key_rotation import new_key
from gateway.settings import Admin, Cache, Paging


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(main, ["keys", *arguments])
    return result.exit_code, result.output


def test_new_key_fits_every_setting_of_a_key() -> None:
    code, output = run("new")
    key = output.strip()
    assert (code, output) == (0, key + "\n")
    Admin.model_validate({"token": key})
    Paging.model_validate({"keys": [key]})
    Cache.model_validate({"keys": [key]})


@pytest.mark.parametrize("setting", ["paging", "cache"])
def test_rotation_reads_file_and_environment(
    setting: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "gateway.toml"
    file.write_text(f'[{setting}]\nkeys = ["{SECRET}"]\n')
    code, output = run("rotate", f"{setting}.keys", "--config", str(file))
    assert (code, output[:11]) == (0, "Step 1 of 3")
    assert f"[{setting}]\nkeys = [" in output
    variable = f"HALO_GATEWAY_{setting.upper()}__KEYS"
    monkeypatch.setenv(variable, f'["{SECRET}", "{OTHER_SECRET}"]')
    code, output = run("rotate", f"{setting}.keys", "--config", str(file))
    assert (code, "has 2 keys" in output) == (0, True)
    monkeypatch.setenv(variable, f'["{SECRET}"]')
    assert f"{variable}='[" in run("rotate", f"{setting}.keys", "--config", str(file))[1]
    assert SECRET not in output


def test_new_key_is_newer_than_a_future_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HALO_GATEWAY_CACHE__KEYS", f'["{new_key(datetime(2099, 1, 1, tzinfo=UTC))}"]')
    assert '"20990101000001-' in run("rotate", "cache.keys")[1]


@pytest.mark.parametrize("setting", ["paging", "cache"])
def test_keys_in_json_of_a_section_are_set_there(setting: str, monkeypatch: pytest.MonkeyPatch) -> None:
    variable = f"HALO_GATEWAY_{setting.upper()}"
    monkeypatch.setenv(variable, f'{{"keys": ["{SECRET}"]}}')
    code, output = run("rotate", f"{setting}.keys")
    assert (code, f"""\n{variable}='{{"keys": ["<the present key, unchanged>", """ in output) == (0, True)


def test_keys_of_the_file_stay_beside_other_variables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "gateway.toml"
    file.write_text(f'[paging]\nkeys = ["{SECRET}"]\n')
    monkeypatch.setenv("HALO_GATEWAY_PAGING", '{"link_lifetime_seconds": 7200}')
    output = run("rotate", "paging.keys", "--config", str(file))[1]
    assert "[paging]\nkeys = [" in output


def test_wait_before_the_last_step_is_the_oldest_response(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HALO_GATEWAY_CACHE__KEYS", f'["{SECRET}", "{OTHER_SECRET}"]')
    assert "3600 seconds (the oldest response)" in run("rotate", "cache.keys")[1]
    table = '{"Organization": 600}'
    monkeypatch.setenv("HALO_GATEWAY_SITES__DEFAULT__CACHE__STALE_IF_ERROR", table)
    assert "4200 seconds" in run("rotate", "cache.keys")[1]


def test_setting_without_rotation_is_wrong_usage() -> None:
    assert run("rotate", "admin.token")[0] == 2
