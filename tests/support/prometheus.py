"""Prometheus and promtool: without them a test is skipped, or fails with REQUIRE_EVERYTHING=1."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from conftest import ROOT
from support.redis_server import free_port

RULES = ROOT / "deploy" / "observability" / "prometheus"


def require_program(name: str) -> str:
    """Path of a program."""
    path = shutil.which(name)
    if path is None:
        if os.environ.get("REQUIRE_EVERYTHING") == "1":
            pytest.fail(f"{name} is not installed")
        pytest.skip(f"{name} is not installed")
    return path


def promtool(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run promtool in the folder of the rules."""
    command = [require_program("promtool"), *arguments]
    return subprocess.run(command, cwd=RULES, capture_output=True, text=True, check=False, timeout=110)


def alert_rules() -> list[dict[str, Any]]:
    """All alert rules."""
    groups = yaml.safe_load((RULES / "alerts.yml").read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def recording_rules() -> list[dict[str, Any]]:
    """All recording rules."""
    groups = yaml.safe_load((RULES / "recording.yml").read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


class Prometheus:
    """A running Prometheus, asked by its API."""

    def __init__(self, url: str) -> None:
        self.url = url

    def get(self, path: str, **parameters: str) -> Any:
        """Return `data` of a response of the API. Raises AssertionError with the text of an error."""
        response = httpx.get(f"{self.url}/api/v1/{path}", params=parameters, trust_env=False, timeout=20)
        assert response.status_code == 200, response.text
        return response.json()["data"]

    def query(self, expression: str) -> list[dict[str, Any]]:
        """Samples of an expression now."""
        samples: list[dict[str, Any]] = self.get("query", query=expression)["result"]
        return samples

    def wait_for(self, expression: str, seconds: float = 30) -> list[dict[str, Any]]:
        """Samples of an expression, as soon as there are some."""
        end = time.monotonic() + seconds
        while not (samples := self.query(expression)):
            assert time.monotonic() < end, f"no sample of {expression}"
            time.sleep(0.2)
        return samples


@contextmanager
def running_prometheus(folder: Path, target: str) -> Iterator[Prometheus]:
    """A Prometheus with the rules, that scrapes `host:port` each second."""
    program, port = require_program("prometheus"), free_port()
    configuration = yaml.safe_load((RULES / "prometheus.yml").read_text(encoding="utf-8"))
    configuration["global"] |= {"scrape_interval": "1s", "evaluation_interval": "1s"}
    configuration["rule_files"] = [str(RULES / name) for name in configuration["rule_files"]]
    scrape = {"job_name": "halo-gateway", "static_configs": [{"targets": [target]}]}
    file = folder / "prometheus.yml"
    file.write_text(yaml.safe_dump(configuration | {"scrape_configs": [scrape]}))
    options = (f"--config.file={file}", f"--storage.tsdb.path={folder / 'data'}", "--log.level=warn")
    command = [program, *options, f"--web.listen-address=127.0.0.1:{port}"]
    log = (folder / "prometheus.log").open("w")
    with log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            prometheus = Prometheus(f"http://127.0.0.1:{port}")
            _wait_until_ready(prometheus, process, folder / "prometheus.log")
            yield prometheus
        finally:
            process.kill()


def _wait_until_ready(prometheus: Prometheus, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + 30
    while True:
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < end, log.read_text()
        try:
            if httpx.get(f"{prometheus.url}/-/ready", trust_env=False).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
