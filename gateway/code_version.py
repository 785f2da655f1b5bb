"""Version of the code that shapes answers; replicas with different code share no stored answers."""

import hashlib
from collections.abc import Iterator
from functools import cache
from importlib.metadata import version
from pathlib import Path

#: Folders of the package that take no part in an answer; an image may lack them.
_EXCLUDED_FOLDERS = frozenset({"demo", "emulator", "docs", "__pycache__"})
#: Distributions outside the package that shape answers, besides its own release.
_DISTRIBUTIONS = ("halo-gateway", "msgspec", "tzdata")


@cache
def code_version() -> str:
    """The version of the running code, as 64 hexadecimal digits: equal on replicas with the same release."""
    releases = " ".join(f"{name}={version(name)}" for name in _DISTRIBUTIONS)
    return hashlib.sha256(f"{package_digest(Path(__file__).parent)} {releases}".encode()).hexdigest()


def package_digest(package: Path) -> str:
    """SHA-256 of the names and contents of a package's files, as 64 hexadecimal digits. Raises OSError."""
    files = hashlib.sha256()
    for path in _package_files(package):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        files.update(f"{path.relative_to(package).as_posix()} {content}\n".encode())
    return files.hexdigest()


def _package_files(package: Path) -> Iterator[Path]:
    found = (path for path in sorted(package.rglob("*")) if path.is_file())
    return (path for path in found if not _EXCLUDED_FOLDERS.intersection(path.relative_to(package).parts))
