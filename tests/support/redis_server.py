"""A real redis-server on a free port, with a directory of its own."""

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic, sleep

import pytest
from redis import Redis

_PATIENCE = 10


@dataclass
class RedisServer:
    """One that can be stopped, started again and paused."""

    directory: Path
    port: int
    options: tuple[str, ...] = ()
    _process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        command = ["redis-server", "--port", str(self.port), "--dir", str(self.directory), "--save", ""]
        self._process = subprocess.Popen([*command, *self.options], stdout=subprocess.DEVNULL)
        ends = monotonic() + _PATIENCE
        while monotonic() < ends:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            sleep(0.02)
        raise RuntimeError("redis-server did not start")

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def configure(self, name: str, value: str) -> None:
        """Change one of its settings."""
        with Redis.from_url(self.url) as redis:
            redis.config_set(name, value)

    def signal(self, number: int) -> None:
        """SIGSTOP makes it slow without end, SIGCONT quick again."""
        assert self._process is not None
        self._process.send_signal(number)


@contextmanager
def redis_server(*options: str) -> Iterator[RedisServer]:
    """A running server; the test is skipped where none is installed, unless REQUIRE_EVERYTHING=1."""
    if shutil.which("redis-server") is None:
        if os.environ.get("REQUIRE_EVERYTHING") == "1":
            pytest.fail("redis-server is not installed")
        pytest.skip("redis-server is not installed")
    with TemporaryDirectory() as directory:
        server = RedisServer(Path(directory), _free_port(), options)
        server.start()
        try:
            yield server
        finally:
            server.stop()


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port
