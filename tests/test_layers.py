"""What only stands in prose erodes: layers, the mirror of tests, sizes, and where files may be."""

import subprocess
from pathlib import Path

import pytest
from conftest import ROOT
from importlinter.api import read_configuration
from importlinter.cli import lint_imports

GATEWAY = ROOT / "gateway"
TESTS = ROOT / "tests"
MODULES = sorted(path.relative_to(GATEWAY) for path in GATEWAY.rglob("*.py") if path.name != "__init__.py")
LINES = 300

#: Modules without a test of their own name, and why. Shorten this list; never lengthen it without a reason.
EXCUSED = {
    "__main__.py": "tests/test_main.py",
    "app.py": "wiring only: tests/end_to_end/ runs all of it",
    "exchange.py": "two records: every test of a handler builds them",
    "errors/catalog.py": "a table: tests/web/test_error_codes.py prints and judges every row",
    "fhir/resource_types.py": "R4's list of names: tests/fhir/test_interaction.py",
    "demo/stops.py": "tests/demo/test_tour.py stops at each",
    "repairs/repair.py": "the shape: tests/repairs/test_repairs.py",
    "server/serve.py": "a process to the outside: tests/test_main.py; in a thread: every end-to-end test",
    "ledger/counts.py": "an interface without code",
    "stores/base.py": "an interface without code",
}
#: Modules over the limit, and why.
LONG = {"errors/catalog.py": "one table of failures, a row per kind"}
#: What may lie in the project's folder.
TOP = {
    "benchmarks",
    ".ci", ".dockerignore", ".gitignore", "CHANGELOG.md", "Dockerfile", "LICENSE", "Makefile", "README.md",
    "compose.yaml", "deploy", "docs", "gateway", "openapi", "pyproject.toml", "requirements", "tests",
}  # fmt: skip


def mirror(module: Path) -> Path:
    return TESTS / module.parent / f"test_{module.name}"


def test_the_contracts_of_the_layers_are_kept(capfd: pytest.CaptureFixture[str]) -> None:
    assert read_configuration(str(ROOT / "pyproject.toml"))["contracts_options"]
    code = lint_imports(config_filename=str(ROOT / "pyproject.toml"), cache_dir=None)
    assert code == 0, capfd.readouterr().out


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_every_module_has_a_test_of_its_name(module: Path) -> None:
    assert mirror(module).is_file() or str(module) in EXCUSED, f"{mirror(module)} is missing"


@pytest.mark.parametrize("name", EXCUSED)
def test_an_excuse_is_still_needed(name: str) -> None:
    assert Path(name) in MODULES
    assert not mirror(Path(name)).is_file()


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_no_module_is_too_long_to_be_read_at_once(module: Path) -> None:
    lines = len((GATEWAY / module).read_text(encoding="utf-8").splitlines())
    assert lines <= LINES or str(module) in LONG


def test_every_package_says_what_it_is() -> None:
    for package in {path.parent for path in GATEWAY.rglob("*.py")}:
        assert (package / "__init__.py").read_text(encoding="utf-8").startswith('"""'), package


def test_nothing_lies_about_in_the_projects_folder() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, check=True, text=True).stdout
    assert {line.partition("/")[0] for line in listed.splitlines()} <= TOP
