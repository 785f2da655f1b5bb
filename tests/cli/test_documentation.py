import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT

from gateway.cli.documentation import (
    GENERATED_PAGES,
    configuration_page,
    effective_configuration,
    known_issues_page,
    known_issues_table,
    write_pages,
)
from gateway.repairs import REPAIRS
from gateway.repairs.repair import Repair
from gateway.settings import Settings

SECRET = "correct-horse-battery-staple"  # noqa: S105 - synthetic


@pytest.mark.parametrize("name", GENERATED_PAGES)
def test_the_page_in_docs_is_the_generated_one(name: str) -> None:
    assert (ROOT / "docs" / name).read_text(encoding="utf-8") == GENERATED_PAGES[name](), "run `make docs`"


def test_make_docs_writes_every_page(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    program = [sys.executable, "-m", "gateway.cli.documentation"]
    subprocess.run(program, cwd=tmp_path, check=True, env={"PYTHONPATH": str(ROOT)})
    assert {each.name for each in (tmp_path / "docs").iterdir()} == set(GENERATED_PAGES)


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="absent"):
        write_pages(tmp_path / "absent")


def test_every_row_of_the_configuration_has_a_setting_a_default_and_a_meaning() -> None:
    rows = [
        line.strip("| ").split(" | ") for line in configuration_page().splitlines() if line.startswith("| `")
    ]
    assert len(rows) > 20
    assert [row for row in rows if len(row) != 3 or not all(row) or row[2] == "None"] == []
    assert len({row[0] for row in rows}) == len(rows)


@pytest.mark.parametrize(
    "name", ["upstream.timeouts.read", "sites.<guid>.time_zone", "repairs", "paging.keys"]
)
def test_settings_are_written_as_in_the_file(name: str) -> None:
    assert f"| `{name}` |" in configuration_page()


@pytest.mark.parametrize("repair", REPAIRS, ids=lambda each: each.issue.id)
def test_every_known_issue_is_listed_with_its_source(repair: Repair) -> None:
    issue = repair.issue
    row = next(line for line in known_issues_page().splitlines() if line.startswith(f"| `{issue.id}` |"))
    assert issue.title in row
    assert issue.source in row


def test_the_table_says_what_is_switched_off() -> None:
    lines = known_issues_table(Settings.model_validate({"repairs": {"link-base-url": False}})).splitlines()
    switches = {line.split()[0]: line.split()[1] for line in lines[1 : len(REPAIRS) + 1]}
    assert switches.pop("link-base-url") == "off"
    assert set(switches.values()) == {"on"}


def test_a_switch_of_the_default_site_counts_in_the_table() -> None:
    settings = Settings.model_validate({"sites": {"default": {"repairs": {"link-base-url": False}}}})
    row = next(line for line in known_issues_table(settings).splitlines() if line.startswith("link-base-url"))
    assert row.split()[1] == "off"


def test_what_is_in_effect_is_shown_without_secrets() -> None:
    shown = effective_configuration(Settings.model_validate({"paging": {"keys": [SECRET]}}))
    assert "https://api.haloconnect.io" in shown
    assert SECRET not in shown
