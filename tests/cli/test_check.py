"""The command `check`: packs of the settings and of the command line, a line per example, exit code."""

from pathlib import Path

from click.testing import CliRunner
from support.packs import pack_text, write_pack

from gateway.cli.check import check_lines, packs_to_check
from gateway.cli.commands import main
from gateway.packs.load import shipped_packs
from gateway.settings import Settings


def run(*arguments: str) -> tuple[int, list[str]]:
    result = CliRunner().invoke(main, ["check", *arguments])
    return result.exit_code, result.output.splitlines()


def test_packs_are_those_of_the_command_and_of_all_upstreams() -> None:
    settings = Settings.model_validate(
        {
            "upstream": {"packs": ["epic"]},
            "upstreams": {
                "labs": {
                    "path": "/labs",
                    "url": "https://labs.example/fhir",
                    "dialect": "health-gorilla",
                    "packs": ["epic", "x.toml"],
                }
            },
        }
    )
    assert packs_to_check(settings, ["y.toml"]) == ("y.toml", "epic", "x.toml")
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
