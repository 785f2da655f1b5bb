"""Real redis-server on a free port, with its own directory."""

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic, sleep

import pytest
from redis import Redis

#: Seconds that the server may take to start.
_START_TIMEOUT = 20
_PORTS_TO_TRY = 3


@dataclass
class RedisServer:
    """A server that a test can stop, start again and pause."""

    directory: Path
    port: int
    options: tuple[str, ...] = ()
    #: File with more settings, which the server may write (Sentinel).
    configuration: tuple[str, ...] = ()
    #: Seconds after which a client of a server that was started again has it, at most.
    restart_seconds = 0.0
    _process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        command = [
            "redis-server",
            *self.configuration,
            "--port",
            str(self.port),
            "--dir",
            str(self.directory),
            "--save",
            "",
        ]
        self._process = subprocess.Popen([*command, *self.options], stdout=subprocess.DEVNULL)
        deadline = monotonic() + _START_TIMEOUT
        while monotonic() < deadline and self._process.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            sleep(0.02)
        raise RuntimeError("redis-server did not start")

    def direct(self, *, decode_responses: bool = False) -> Redis:
        """A client of redis-py."""
        return Redis.from_url(self.url, decode_responses=decode_responses)

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def configure(self, name: str, value: str) -> None:
        """Change a setting of the server."""
        with Redis.from_url(self.url) as redis:
            redis.config_set(name, value)

    def signal(self, number: int) -> None:
        """Send a signal: SIGSTOP pauses the server, SIGCONT continues it."""
        assert self._process is not None
        self._process.send_signal(number)


def require_redis() -> None:
    """Skip the test without redis-server, or fail it with REQUIRE_EVERYTHING=1."""
    if shutil.which("redis-server") is None:
        if os.environ.get("REQUIRE_EVERYTHING") == "1":
            pytest.fail("redis-server is not installed")
        pytest.skip("redis-server is not installed")


@contextmanager
def redis_server(*options: str) -> Iterator[RedisServer]:
    """Run a server; without redis-server the test is skipped, or fails with REQUIRE_EVERYTHING=1."""
    require_redis()
    with TemporaryDirectory() as directory:
        server = started_server(Path(directory), options)
        try:
            yield server
        finally:
            server.stop()


def started_server(directory: Path, options: tuple[str, ...] = ()) -> RedisServer:
    """A server on a port that no other process has taken in the meantime."""
    for _ in range(_PORTS_TO_TRY - 1):
        server = RedisServer(directory, free_port(), options)
        with suppress(RuntimeError):
            server.start()
            return server
    server = RedisServer(directory, free_port(), options)
    server.start()
    return server


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
