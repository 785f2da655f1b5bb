"""Commands of halo-gateway in processes of their own, forked after the imports, which take most of a start.

As a program it reads a JSON list of argument lists, and writes a JSON list of `[exit code, stdout, stderr]`.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, NamedTuple

from support.environment import environment_with

import gateway.app
import gateway.server.serve  # noqa: F401 - what `serve` imports when it runs
from gateway.cli.commands import main

ROOT = Path(__file__).resolve().parents[2]
#: Seconds after which a command is killed: it should have ended.
MAX_WAIT = 60


class Ended(NamedTuple):
    """How a command ended; the code of a killed one is negative."""

    code: int
    stdout: str
    stderr: str


def run_commands(commands: Iterable[Sequence[str]]) -> list[Ended]:
    """Run commands, one after the other, without settings in their environment."""
    program = subprocess.run(
        [sys.executable, "-m", "support.forked_commands"],
        input=json.dumps([*commands]),
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        env=environment_with() | {"PYTHONPATH": os.pathsep.join([str(ROOT / "tests"), str(ROOT)])},
    )
    return [Ended(*each) for each in json.loads(program.stdout)]


def _run_forked(arguments: Sequence[str]) -> Ended:
    """Run a command in a fork of this process."""
    with TemporaryFile("w+") as out, TemporaryFile("w+") as err:
        pid = os.fork()
        if not pid:
            _run_child(arguments, out, err)
        _, status = os.waitpid(pid, 0)
        out.seek(0)
        err.seek(0)
        return Ended(os.waitstatus_to_exitcode(status), out.read(), err.read())


def _run_child(arguments: Sequence[str], out: IO[str], err: IO[str]) -> None:
    """Run the command, and end the process: nothing of the parent's code may run in it."""
    code: object = 0
    try:
        os.dup2(out.fileno(), 1)
        os.dup2(err.fileno(), 2)
        signal.alarm(MAX_WAIT)
        main([*arguments])
    except SystemExit as end:
        code = end.code
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else 1)


if __name__ == "__main__":
    json.dump([_run_forked(arguments) for arguments in json.load(sys.stdin)], sys.stdout)
