"""Version of the code that determines responses; replicas with different code share no stored responses."""

import hashlib
import os
from collections.abc import Iterator
from functools import cache
from importlib.metadata import version
from pathlib import Path

#: Folders of the package that do not affect responses; an image may lack them.
_EXCLUDED_FOLDERS = frozenset({"demo", "emulator", "docs", "__pycache__"})
#: Distributions whose releases affect responses.
_DISTRIBUTIONS = ("halo-gateway", "msgspec", "tzdata")


@cache
def code_version() -> str:
    """Version of the running code, as 64 hexadecimal digits; equal on replicas with the same release."""
    releases = " ".join(f"{name}={version(name)}" for name in _DISTRIBUTIONS)
    return hashlib.sha256(f"{package_digest(Path(__file__).parent)} {releases}".encode()).hexdigest()


def package_digest(package: Path) -> str:
    """SHA-256 of the names and contents of a package's files, as 64 hexadecimal digits. Raises OSError."""
    files = hashlib.sha256()
    for name in sorted(_file_names(package)):
        content = hashlib.sha256((package / name).read_bytes()).hexdigest()
        files.update(f"{name} {content}\n".encode())
    return files.hexdigest()


def _file_names(package: Path) -> Iterator[str]:
    """Yield the names of a package's files, relative to it, with `/` between folders."""
    start = len(f"{package}/")
    for folder, folders, names in os.walk(package):
        folders[:] = [name for name in folders if name not in _EXCLUDED_FOLDERS]
        yield from (f"{folder}/{name}"[start:].replace(os.sep, "/") for name in names)
