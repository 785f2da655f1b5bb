"""The built package in an environment of its own, run away from the repository."""

import os
import re
import subprocess
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

#: Environment variables that pip needs to reach a package index; the rest of the environment is removed.
PASSED_VARIABLES = re.compile(r"PIP_.*|SSL_.*|.*_CA_BUNDLE|.*_proxy|PATH|HOME|LANG", re.IGNORECASE)


class Installation:
    """The gateway in its own environment, run from an empty folder."""

    def __init__(self, bin_: Path, empty_folder: Path) -> None:
        self.bin = bin_
        self.empty_folder = empty_folder

    def run(self, *arguments: str, program: str = "halo-gateway", **settings: str) -> tuple[int, str, str]:
        """Exit code, stdout and stderr."""
        completed = subprocess.run(
            [self.bin / program, *arguments],
            cwd=self.empty_folder,
            env=environment() | {f"HALO_GATEWAY_{name}": value for name, value in settings.items()},
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        return completed.returncode, completed.stdout, completed.stderr

    def pip(self, *arguments: str) -> None:
        """Install a package. Fails with the output of pip."""
        code, _, errors = self.run("install", "--quiet", *arguments, program="pip")
        assert code == 0, errors

    @contextmanager
    def serve(self, *arguments: str, **settings: str) -> Iterator[str]:
        """Run a serving command and yield its URL."""
        env = environment() | {f"HALO_GATEWAY_{name}": value for name, value in settings.items()}
        command = [self.bin / "halo-gateway", *arguments, "--port", "0"]
        with subprocess.Popen(
            command,
            cwd=self.empty_folder,
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        ) as process:
            try:
                assert process.stdout is not None
                yield process.stdout.readline().split()[-1]
            finally:
                process.terminate()


def environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if PASSED_VARIABLES.fullmatch(name)}


def install(source: str, folder: Path) -> Installation:
    venv.create(folder / "env", with_pip=True)
    (folder / "elsewhere").mkdir()
    installation = Installation(folder / "env" / "bin", folder / "elsewhere")
    installation.pip(source)
    return installation
