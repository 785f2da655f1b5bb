"""Digest of a plugin's files, because an editable installation changes them without another version."""

import hashlib
import sys
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

#: Maximum number of files of one module, and of bytes that are read. Of further bytes, size and time count.
MAX_FILES, MAX_BYTES = 2_000, 32_000_000


def modules_digest(names: Iterable[str]) -> str:
    """SHA-256 of the files of imported modules and of the packages around them, in hexadecimal digits.

    A file that cannot be read counts as empty.
    """
    digest, left = hashlib.sha256(), MAX_BYTES
    for path in sorted({path for name in names for path in _files_of(name)}):
        content = _content(path, left)
        left -= len(content)
        digest.update(f"{path.name} {hashlib.sha256(content).hexdigest()}\n".encode())
    return digest.hexdigest()


def _files_of(name: str) -> Iterator[Path]:
    """Yield the files of a module; all those below the package if it is in one."""
    top = sys.modules.get(name.partition(".")[0])
    folders = [Path(folder) for folder in getattr(top, "__path__", ())]
    paths = (path for folder in folders for path in sorted(folder.rglob("*")))
    yield from islice(
        (path for path in paths if path.is_file() and "__pycache__" not in path.parts), MAX_FILES
    )
    file = getattr(sys.modules.get(name), "__file__", None)
    yield from [Path(file)] if file and not folders else []


def _content(path: Path, left: int) -> bytes:
    try:
        state = path.stat()
        return path.read_bytes() if state.st_size <= left else f"{state.st_size} {state.st_mtime_ns}".encode()
    except OSError:
        return b""
