"""Digest of modules' files: it changes with each file of a package, within its bounds."""

import os
import sys
from pathlib import Path

import pytest

from gateway.plugins import code_digest
from gateway.plugins.code_digest import modules_digest

NAME = "digested_package"


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / NAME
    folder.mkdir()
    for name in ("__init__.py", "tables.json", "inner.py"):
        (folder / name).write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    for name in (NAME, f"{NAME}.inner"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    __import__(f"{NAME}.inner")
    return folder


@pytest.mark.parametrize("name", ["__init__.py", "tables.json", "inner.py", "new.py"])
def test_digest_changes_with_each_file_of_a_package(package: Path, name: str) -> None:
    before = modules_digest([f"{NAME}.inner"])
    assert before == modules_digest([f"{NAME}.inner"])
    (package / name).write_text("CHANGED = 1")
    assert before != modules_digest([f"{NAME}.inner"])


def test_digest_ignores_compiled_files(package: Path) -> None:
    before = modules_digest([NAME])
    (package / "__pycache__").mkdir(exist_ok=True)
    (package / "__pycache__" / "inner.pyc").write_text("other")
    assert before == modules_digest([NAME])


def test_of_large_files_size_and_time_count(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(code_digest, "MAX_BYTES", 10)
    large = package / "large.bin"
    large.write_bytes(b"a" * 100)
    before = modules_digest([NAME])
    large.write_bytes(b"a" * 101)
    assert before != modules_digest([NAME])
    before = modules_digest([NAME])
    os.utime(large, (1, 1))
    assert before != modules_digest([NAME])


def test_module_without_files_has_a_digest() -> None:
    assert len(modules_digest(["sys", "no.such.module"])) == 64
