"""Version of the code: different after each change that can affect a response."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT

from gateway.code_version import code_version, package_digest

#: Prints the version of stored responses of a site.
PRINT = """
import asyncio, sys
sys.path.insert(0, sys.argv[1])
from gateway.exchange import Site
from gateway.builders import cache_config
from gateway.settings import Settings
from datetime import UTC

async def engine(guid: str) -> str:
    return ""

print(asyncio.run(cache_config(Settings(), "process-secret", engine).version_of(Site("a", UTC, "a"))))
"""


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A copy of the package."""
    ignored = shutil.ignore_patterns("__pycache__")
    return Path(shutil.copytree(ROOT / "gateway", tmp_path / "gateway", ignore=ignored))


def stored_version(package: Path) -> str:
    command = [sys.executable, "-c", PRINT, str(package.parent)]
    return subprocess.run(command, capture_output=True, check=True, text=True, cwd=package.parent).stdout


def change(path: Path) -> None:
    path.write_text(path.read_text(encoding="utf-8") + "\n# another byte\n", encoding="utf-8")


def test_changed_repair_changes_the_version_of_stored_responses(package: Path) -> None:
    before = stored_version(package)
    assert stored_version(package) == before
    change(package / "repairs" / "last_updated_offset.py")
    assert stored_version(package) != before


@pytest.mark.parametrize(
    "name", ["fhir/bundle.py", "dates/date_parameters.json", "cache/response_cache.py", "app.py"]
)
def test_changed_file_changes_the_digest(package: Path, name: str) -> None:
    before = package_digest(package)
    change(package / name)
    assert package_digest(package) != before


def test_renamed_file_changes_the_digest(package: Path) -> None:
    before = package_digest(package)
    (package / "fhir" / "bundle.py").rename(package / "fhir" / "bundles.py")
    assert package_digest(package) != before


def test_change_without_effect_on_responses_keeps_the_digest(package: Path) -> None:
    before = package_digest(package)
    shutil.rmtree(package / "emulator")
    change(package / "demo" / "tour.py")
    (package / "fhir" / "__pycache__").mkdir()
    (package / "fhir" / "__pycache__" / "bundle.cpython-311.pyc").write_bytes(b"compiled")
    assert package_digest(package) == before


def test_running_code_has_one_version() -> None:
    assert code_version() == code_version()
    assert len(code_version()) == 64
