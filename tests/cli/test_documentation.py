"""Generated documentation and tables."""

import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT
from support.secrets import OTHER_SECRET, SECRET

from gateway.cli.documentation import (
    GENERATED_PAGES,
    configuration_page,
    effective_configuration,
    known_issues_page,
    known_issues_table,
    write_pages,
)
from gateway.repairs import KNOWN_ISSUES, REPAIRS
from gateway.repairs.repair import KnownIssue
from gateway.settings import Settings


@pytest.mark.parametrize("name", GENERATED_PAGES)
def test_page_in_docs_is_up_to_date(name: str) -> None:
    assert (ROOT / "docs" / name).read_text(encoding="utf-8") == GENERATED_PAGES[name](), "run `make docs`"


def test_make_docs_writes_all_pages(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    program = [sys.executable, "-m", "gateway.cli.documentation"]
    subprocess.run(program, cwd=tmp_path, check=True, env={"PYTHONPATH": str(ROOT)})
    assert {path.name for path in (tmp_path / "docs").iterdir()} == set(GENERATED_PAGES)


def test_absent_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="absent"):
        write_pages(tmp_path / "absent")


def test_configuration_rows_are_complete_and_unique() -> None:
    rows = [
        line.strip("| ").split(" | ") for line in configuration_page().splitlines() if line.startswith("| `")
    ]
    assert len(rows) > 20
    assert [row for row in rows if len(row) != 3 or not all(row) or row[2] == "None"] == []
    assert len({row[0] for row in rows}) == len(rows)


@pytest.mark.parametrize(
    "name", ["upstream.timeouts.read", "sites.<guid>.time_zone", "repairs", "paging.keys"]
)
def test_settings_have_their_full_name(name: str) -> None:
    assert f"| `{name}` |" in configuration_page()


@pytest.mark.parametrize("issue", KNOWN_ISSUES, ids=lambda issue: issue.id)
def test_known_issue_is_listed_with_source(issue: KnownIssue) -> None:
    row = next(line for line in known_issues_page().splitlines() if line.startswith(f"| `{issue.id}` |"))
    assert issue.title in row
    assert issue.source in row
    assert issue.handling in row
    assert issue.vendor_status in row
    assert f"  {issue.id}: {issue.source}" in known_issues_table(Settings())


def test_table_shows_repairs_that_are_off() -> None:
    lines = known_issues_table(Settings.model_validate({"repairs": {"link-base-url": False}})).splitlines()
    states = {line.split()[0]: line.split()[1] for line in lines[1 : len(REPAIRS) + 1]}
    assert states.pop("link-base-url") == "off"
    assert set(states.values()) == {"on"}


def test_table_shows_issues_without_a_repair() -> None:
    rows = [line.split() for line in known_issues_table(Settings()).splitlines()]
    assert ["response-size-limit", "-"] in [row[:2] for row in rows]
    assert ["sql-parameter-conversion", "on"] in [row[:2] for row in rows]


def test_table_shows_repairs_of_default_site() -> None:
    settings = Settings.model_validate({"sites": {"default": {"repairs": {"link-base-url": False}}}})
    row = next(line for line in known_issues_table(settings).splitlines() if line.startswith("link-base-url"))
    assert row.split()[1] == "off"


def test_effective_configuration_contains_no_secrets() -> None:
    text = effective_configuration(Settings.model_validate({"paging": {"keys": [SECRET]}}))
    assert "https://api.haloconnect.io" in text
    assert SECRET not in text


@pytest.mark.parametrize("section", ["cache", "paging"])
def test_effective_configuration_tells_keys_apart(section: str) -> None:
    first, second, again = (
        effective_configuration(Settings.model_validate({section: {"keys": keys}}))
        for keys in ([SECRET], [OTHER_SECRET], [SECRET])
    )
    assert first == again != second
