"""Permissions of the ledger's files: only their owner may read who asked which practice for what."""

import os
from functools import cache
from pathlib import Path
from stat import S_IMODE
from typing import Final

import structlog

_log = structlog.get_logger()
_OWNER_ONLY: Final = 0o600
_OTHERS: Final = 0o077
#: Files that SQLite creates beside its database, with the database's permissions.
_SUFFIXES: Final = ("", "-wal", "-shm", "-journal")


def restrict_to_owner(path: Path) -> None:
    """Create a file if it is missing, and take the permissions of others from it and the files beside it.

    Raises OSError if it cannot be created.
    """
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _OWNER_ONLY))
    for suffix in _SUFFIXES:
        file = path.with_name(path.name + suffix)
        if file.exists() and file.stat().st_mode & _OTHERS:
            _restrict_file(file, S_IMODE(file.stat().st_mode))


def _restrict_file(file: Path, mode: int) -> None:
    try:
        file.chmod(mode & ~_OTHERS)
    except PermissionError:  # another user owns it
        _warn(file, mode, restricted=False)
    else:
        _warn(file, mode, restricted=True)


@cache
def _warn(file: Path, mode: int, *, restricted: bool) -> None:
    """Log a file's former permissions, once."""
    _log.warning("ledger-file-mode", file=file.name, mode=f"{mode:04o}", restricted=restricted)
