"""Permissions of the ledger's files."""

import os
from pathlib import Path
from stat import S_IMODE

import pytest
from structlog.testing import capture_logs

from gateway.ledger.file_mode import restrict_to_owner


@pytest.fixture(autouse=True)
def _permissive_umask() -> object:
    previous = os.umask(0)
    yield
    os.umask(previous)


def mode(file: Path) -> int:
    return S_IMODE(file.stat().st_mode)


def test_new_file_belongs_to_its_owner_only(tmp_path: Path) -> None:
    file = tmp_path / "ledger"
    with capture_logs() as lines:
        restrict_to_owner(file)
    assert (mode(file), file.read_bytes(), lines) == (0o600, b"", [])


@pytest.mark.parametrize("before", [0o644, 0o660, 0o666, 0o640])
def test_permissions_of_others_are_taken_with_a_warning(tmp_path: Path, before: int) -> None:
    files = [tmp_path / f"ledger{suffix}" for suffix in ("", "-wal", "-shm")]
    for file in files:
        file.write_bytes(b"content")
        file.chmod(before)
    with capture_logs() as lines:
        restrict_to_owner(files[0])
        restrict_to_owner(files[0])
    assert [(mode(file), file.read_bytes()) for file in files] == [(0o600, b"content")] * 3
    assert [(line["event"], line["log_level"], line["file"]) for line in lines] == [
        ("ledger-file-mode", "warning", file.name) for file in files
    ]
    assert {line["mode"] for line in lines} == {f"{before:04o}"}


def test_file_of_another_owner_is_left_with_one_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tests may run as root, whom no owner stops: the system call itself refuses here."""

    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(Path, "chmod", refuse)
    file = tmp_path / "ledger"
    file.touch(0o644)
    with capture_logs() as lines:
        restrict_to_owner(file)
        restrict_to_owner(file)
    assert mode(file) == 0o644
    assert [(line["event"], line["restricted"]) for line in lines] == [("ledger-file-mode", False)]


def test_owner_keeps_fewer_permissions(tmp_path: Path) -> None:
    file = tmp_path / "ledger"
    file.touch(0o600)
    restrict_to_owner(file)
    assert mode(file) == 0o600


def test_file_in_a_missing_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        restrict_to_owner(tmp_path / "missing" / "ledger")
