"""A gateway with several workers, as a process with a log that tests read."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import httpx
from conftest import KEY, ROOT
from support.environment import environment_with

from gateway.emulator.sites import SYDNEY

#: Connections that a test opens: with two workers, one alone gets all of them once in 8 million runs.
CONNECTIONS = 24
_LASTING = httpx.Limits(keepalive_expiry=None)
#: What JSON, the metrics and a page of the dashboard say of workers that did not answer.
_LACKS_WORKERS = re.compile(
    r"missingWorkers|^halo_gateway_workers_missing [1-9]|These workers did not", re.MULTILINE
)


@dataclass
class WorkersGateway:
    """Process of the parent, its URL, and the file with the log of all."""

    process: subprocess.Popen[str]
    url: str
    log: Path

    def lines(self, event: str = "") -> list[dict[str, Any]]:
        """Lines of the log, or those of one event; a line that is no JSON raises ValueError."""
        lines = [json.loads(line) for line in self.log.read_text(encoding="utf-8").splitlines()]
        return [line for line in lines if event in {"", line["event"]}]

    def wait_for_lines(self, event: str, count: int) -> list[dict[str, Any]]:
        """Lines of an event once there are so many: each is written after its response."""
        deadline = monotonic() + 10
        while len(lines := self.lines(event)) < count and monotonic() < deadline:
            sleep(0.05)
        return lines

    def ask_all(self, path: str, **headers: str) -> httpx.Response:
        """An operators' response that has the figures of all workers: one may be slow to answer."""
        deadline = monotonic() + 10
        while True:
            response = httpx.get(self.url + path, headers=headers, trust_env=False)
            if not _LACKS_WORKERS.search(response.text) or monotonic() > deadline:
                return response

    @property
    def path(self) -> str:
        """Base URL of a site."""
        return f"{self.url}/integrator/sites/{SYDNEY}/fhir/R4"

    def children(self) -> list[int]:
        """Process ids of the workers."""
        pid = self.process.pid
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
        return [int(child) for child in text.split()]

    @contextmanager
    def clients(self, count: int = CONNECTIONS) -> Iterator[list[httpx.Client]]:
        """Clients with one connection each, to the same worker all the time."""
        with ExitStack() as stack:
            yield [
                stack.enter_context(
                    httpx.Client(
                        base_url=self.path, headers=KEY, trust_env=False, timeout=20, limits=_LASTING
                    )
                )
                for _ in range(count)
            ]


@contextmanager
def workers_gateway(
    upstream: str, folder: Path, *arguments: str, count: int = 2, **environment: str
) -> Iterator[WorkersGateway]:
    """A gateway with several workers, all killed at the end."""
    settings = {"UPSTREAM__URL": upstream, "SITES__DEFAULT__TIME_ZONE": "Australia/Sydney", **environment}
    command = [sys.executable, "-m", "gateway", "serve", "--port", "0", "--workers", str(count), *arguments]
    log = folder / "log"
    with (
        log.open("w") as stderr,
        subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            cwd=ROOT,
            env=environment_with(**settings),
        ) as process,
    ):
        try:
            assert process.stdout
            line = process.stdout.readline()
            assert line.startswith("halo-gateway listening on http://"), log.read_text()
            yield WorkersGateway(process, line.split()[-1], log)
        finally:
            process.kill()
