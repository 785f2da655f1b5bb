"""The command `check`: packs of the settings and of the command line, a line per example, exit code."""

from pathlib import Path

import pytest
from click.testing import CliRunner
from support.packs import pack_text, write_pack
from support.plugins import PluginFolder

from gateway.cli.check import check_lines, packs_to_check
from gateway.cli.commands import main
from gateway.packs.load import shipped_packs
from gateway.settings import Settings


def run(*arguments: str) -> tuple[int, list[str]]:
    result = CliRunner().invoke(main, ["check", *arguments])
    return result.exit_code, result.output.splitlines()


def test_packs_are_those_of_the_command_and_of_all_upstreams(tmp_path: Path) -> None:
    pack = write_pack(tmp_path, pack_text("{ limit-ids = 3 }"))
    settings = Settings.model_validate(
        {
            "upstream": {"packs": ["epic"]},
            "upstreams": {
                "labs": {
                    "path": "/labs",
                    "url": "https://labs.example/fhir",
                    "dialect": "health-gorilla",
                    "packs": ["epic", pack],
                }
            },
        }
    )
    assert packs_to_check(settings, ["y.toml"]) == ("y.toml", "epic", pack)
    assert packs_to_check(Settings(), []) == shipped_packs()


def test_shipped_packs_hold() -> None:
    code, lines = run()
    assert code == 0
    assert "medirecords:identifier-needs-demographics: example 1: ok" in lines
    assert all(line.endswith(": ok") for line in lines)


def test_pack_with_a_problem_ends_with_one(tmp_path: Path) -> None:
    file = write_pack(tmp_path, pack_text("{ limit-ids = 3 }"))
    assert run("--pack", file) == (
        1,
        ["vendor:one: example 1: this example does not show the issue: it holds without the verbs, too"],
    )
    broken = write_pack(tmp_path, pack_text("{ limit-ids = 0 }"))
    code, lines = run("--pack", broken, "--pack", "epic")
    assert code == 1
    assert lines[0].startswith(f"{broken}: issue one: limit-ids")
    assert lines[-1].startswith("epic:")


def test_all_problems_of_a_file_are_lines(tmp_path: Path) -> None:
    file = write_pack(tmp_path, pack_text("{ limit-ids = 0 }, { limit-idz = 1 }"))
    assert [is_problem for _, is_problem in check_lines([file])] == [True, True]


def test_plugins_are_named_with_what_they_bring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = PluginFolder(tmp_path, monkeypatch)
    folder.add("acme")
    folder.add("broken", "import nothing_at_all")
    folder.add("older", "HALO_GATEWAY_API = 0\nREPAIR = None")
    (tmp_path / "gateway.toml").write_text('plugins = ["acme"]\n')
    loaded = "plugin acme: plugin API 1: repair acme:slot-status-case: ok"
    code, lines = run("--config", str(tmp_path / "gateway.toml"))
    assert (code, lines[0]) == (0, loaded)
    code, lines = run("--plugin", "acme", "--plugin", "broken", "--plugin", "older", "--pack", "epic")
    assert (code, lines[0]) == (1, loaded)
    assert lines[1].startswith("plugin broken: entry point main")
    assert "ModuleNotFoundError" in lines[1]
    assert lines[2].startswith("plugin older: entry point main")
    assert "version 0 of the plugin API, this halo-gateway has version 1" in lines[2]
    assert lines[3].startswith("epic:")
