"""The recipe of docs/architecture.md, followed in a copy: one file, one line, one test file, one fault."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT

PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
RECIPE = PAGE.partition("## How to add a repair")[2].partition("\n## ")[0]
#: What a repair must pass: its own tests, the lists that follow from it, an exchange with the emulator,
#: the stop of the demo, what traffic and probe show, and the pages. Tests of other repairs are not here.
TESTS = (
    "tests/repairs/test_slot_status_case.py",
    "tests/repairs/test_repairs.py::test_every_repair_has_own_id_file_fault_and_test",
    "tests/repairs/test_repairs.py::test_fault_of_emulator_is_repaired_by_gateway[slot-status-case]",
    "tests/repairs/test_repairs.py::test_correct_response_stays_correct[slot-status-case]",
    "tests/repairs/test_repairs.py::test_header_lists_applied_repairs",
    "tests/repairs/test_witness_verdicts.py::test_every_repair_but_that_of_requests_has_a_witness",
    "tests/emulator/test_settings.py::test_documented_faults_are_on_by_default",
    "tests/emulator/test_settings.py::test_all_settings_are_documented",
    "tests/emulator/test_resource_faults.py::test_fault_of_a_resource_is_documented",
    "tests/emulator/test_resource_faults.py::test_fault_changes_a_resource_and_can_be_switched_off[slot-status-case]",
    "tests/cli/test_documentation.py::test_page_in_docs_is_up_to_date",
    "tests/test_docs.py::test_known_issues_page_names_every_repair",
    "tests/test_layers.py::test_the_contracts_of_the_layers_are_kept",
    "tests/test_layers.py::test_every_module_has_a_test_of_its_name[repairs/slot_status_case.py]",
    "tests/test_layers.py::test_a_module_outside_the_table_is_pure[repairs/slot_status_case.py]",
    "tests/settings/test_base.py::test_every_repair_can_be_switched_off[slot-status-case]",
    "tests/demo/test_tour.py::test_stops_and_repairs_match",
    "tests/demo/test_tour.py::test_tour_without_one_repair_reports_failure[slot-status-case]",
    "tests/end_to_end/test_known_issues.py::test_same_traffic_shows_issues_and_then_that_they_are_mended",
    "tests/probe/test_known_issues.py::test_probe_sees_each_issue_or_that_it_is_mended[True]",
)


def insert_row(file: Path, table: str, row: str) -> None:
    """Insert a row at the end of a table."""
    text = file.read_text(encoding="utf-8")
    start = text.index(table)
    end = min(text.find(f"\n{bracket}\n", start) % len(text) for bracket in (")", "}"))
    file.write_text(f"{text[:end]}\n{row.rstrip()}{text[end:]}", encoding="utf-8")


def git(folder: Path, *arguments: str) -> str:
    command = ["git", "-c", "user.name=a", "-c", "user.email=a@example.com", *arguments]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout


def run_python(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a module with the code of a folder."""
    env = {"PYTHONPATH": str(folder), "PATH": os.environ["PATH"], "NO_PROXY": "127.0.0.1"}
    command = [sys.executable, "-m", *arguments]
    return subprocess.run(command, cwd=folder, check=False, env=env, capture_output=True, text=True)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of what git knows, in a repository of its own."""
    names = git(ROOT, "ls-files").split("\n")[:-1]
    for name in names:
        if (ROOT / name).is_file():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, tmp_path / name)
    run_python(tmp_path, "gateway.cli.documentation")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-qm", "before")
    return tmp_path


@pytest.mark.timeout(240)
def test_recipe_adds_a_repair_by_four_changes(copy: Path) -> None:
    fault, test, repair, line = re.findall(r"^```python\n(.*?)^```", RECIPE, re.DOTALL | re.MULTILINE)
    insert_row(copy / "gateway/emulator/resource_faults.py", "RESOURCE_FAULTS: Final", fault)
    (copy / "tests/repairs/test_slot_status_case.py").write_text(test, encoding="utf-8")
    (copy / "gateway/repairs/slot_status_case.py").write_text(repair, encoding="utf-8")
    insert_row(copy / "gateway/repairs/__init__.py", "_IDS = (", line)
    run_python(copy, "gateway.cli.documentation")
    git(copy, "add", "-A")
    changed = set(git(copy, "diff", "--cached", "--name-only").split())
    assert changed == {
        "gateway/emulator/resource_faults.py",
        "gateway/repairs/__init__.py",
        "gateway/repairs/slot_status_case.py",
        "tests/repairs/test_slot_status_case.py",
        "docs/known-issues.md",  # by `make docs`
    }
    for command in (
        ("ruff", "check", "gateway", "tests/repairs"),
        ("ruff", "format", "--check", "gateway"),
        ("pytest", "-q", "-p", "no:cacheprovider", *TESTS),
    ):
        completed = run_python(copy, *command)
        assert completed.returncode == 0, completed.stdout[-5000:] + completed.stderr
