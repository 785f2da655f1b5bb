"""Emulator, Redis, a way that can fail, and two gateways: each a process of its own that can be killed."""

import asyncio
import os
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from math import inf
from pathlib import Path
from tempfile import TemporaryDirectory
from time import time
from typing import IO, Any

import httpx
import msgspec
from end_to_end.chaos_plan import Plan
from support.redis_server import RedisServer, redis_server

from gateway.emulator.sites import BRISBANE, PERTH, SITES, SYDNEY

QUIET, NEAR, FAR = BRISBANE, SYDNEY, PERTH
"""A site without faults; one that fails; one that fails and is reached by a way that fails."""
KEYS = {QUIET: "quiet-key", NEAR: "near-key", FAR: "far-key"}
PUBLIC = "http://gateway.chaos"
PATIENCE = 60
#: Site -> the path of its upstream's mount.
MOUNTS = {QUIET: "", NEAR: "", FAR: "/stage"}


def base(site: str) -> str:
    """The path of a site's FHIR base at the gateway."""
    return f"{MOUNTS[site]}/integrator/sites/{site}/fhir/R4"


@dataclass
class Program:
    """`python -m gateway …`, which says on its first line where it listens."""

    arguments: tuple[str, ...]
    log: Path
    url: str = ""
    process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        with self.log.open("a") as log:
            command = [sys.executable, "-m", "gateway", *self.arguments]
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
        self.url = _greeting(self.process.stdout).split()[-1]

    def kill(self) -> None:
        """As `kill -9` does."""
        assert self.process is not None
        self.process.kill()
        self._ended()

    def stop(self) -> int:
        """An orderly end; the exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self._ended()

    def _ended(self) -> int:
        assert self.process is not None
        code = self.process.wait(PATIENCE)
        assert self.process.stdout is not None
        self.process.stdout.close()
        self.process = None
        return code

    @property
    def resident(self) -> float:
        """Megabytes in memory."""
        return int(self._status("VmRSS")) / 1024

    @property
    def sockets(self) -> int:
        """Open sockets."""
        assert self.process is not None
        links = Path(f"/proc/{self.process.pid}/fd").iterdir()
        return sum(_target(each).startswith("socket:") for each in links)

    def _status(self, name: str) -> str:
        assert self.process is not None
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return next(line.split()[1] for line in lines if line.startswith(name))


def _target(link: Path) -> str:
    try:
        return str(link.readlink())
    except FileNotFoundError:
        return ""


def _greeting(stdout: IO[str] | None) -> str:
    assert stdout is not None
    line = stdout.readline()
    if not line:
        raise RuntimeError("the program ended before it listened")
    return line


@dataclass
class Way:
    """A TCP relay before the upstream that can refuse, reset before anything is sent, and cut."""

    upstream: str
    port: int
    resets: bool = False
    _server: asyncio.Server | None = None
    _open: set[asyncio.StreamWriter] = field(default_factory=set)

    async def start(self) -> None:
        self.resets = False
        if self._server is None:
            self._server = await asyncio.start_server(self._relayed, "127.0.0.1", self.port)

    async def refuse(self) -> None:
        assert self._server is not None
        self._server.close()
        self._server = None
        self.cut()

    def cut(self) -> None:
        """Reset every connection, idle or not."""
        for writer in list(self._open):
            _reset(writer)

    async def _relayed(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.resets:
            _reset(writer)
            return
        host, _, port = self.upstream.removeprefix("http://").partition(":")
        there, out = await asyncio.open_connection(host, int(port))
        self._open.add(writer)
        try:
            await asyncio.gather(_copied(reader, out), _copied(there, writer))
        except asyncio.CancelledError:
            return  # the run has ended
        finally:
            self._open.discard(writer)


async def _copied(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        writer.transport.abort()
    finally:
        writer.close()


def _reset(writer: asyncio.StreamWriter) -> None:
    found = writer.get_extra_info("socket")
    if found is not None and found.fileno() >= 0:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


@dataclass
class Kill:
    """When a replica was killed, and which."""

    url: str
    at: float = field(default_factory=time)


@dataclass
class World:
    """Everything that runs, and the emulator's controls."""

    directory: Path
    emulator: Program
    redis: RedisServer
    way: Way
    replicas: list[Program]
    kills: list[Kill] = field(default_factory=list)

    def control(self, method: str, path: str, body: object = None) -> Any:
        content = None if body is None else msgspec.json.encode(body)
        url = f"{self.emulator.url}/_emulator/{path}"
        answer = httpx.request(method, url, content=content, timeout=PATIENCE, trust_env=False)
        assert answer.status_code < 400, answer.text
        return msgspec.json.decode(answer.content) if answer.content else None

    @property
    def ledger(self) -> Path:
        return self.directory / "ledger.sqlite3"

    def logged(self) -> list[dict[str, Any]]:
        """What the gateways wrote to their logs."""
        lines = (line for each in self.replicas for line in each.log.read_text().splitlines())
        return [msgspec.json.decode(line) for line in lines if line.startswith("{")]

    def absences(self) -> list[tuple[float, float]]:
        """When each replica went on without Redis: from and to, in seconds since 1970."""
        found = []
        for replica in self.replicas:
            went = 0.0
            for line in replica.log.read_text().splitlines():
                event = msgspec.json.decode(line) if line.startswith("{") else {}
                at = datetime.fromisoformat(event["timestamp"]).timestamp() if "timestamp" in event else 0.0
                went = at if event.get("event") == "shared-store-down" else went
                if event.get("event") == "shared-store-up":
                    found.append((went, at))
                    went = 0.0
            found += [(went, inf)] if went else []
        return found

    def complaints(self) -> list[str]:
        """Lines in the logs that are none of the gateway's own."""
        lines = (line for each in self.replicas for line in each.log.read_text().splitlines())
        return [line for line in lines if not line.startswith("{")]


@contextmanager
def world(plan: Plan) -> Iterator[World]:
    """Everything running; killed at the end if it has not ended by itself."""
    with TemporaryDirectory() as name, redis_server() as redis, ExitStack() as ending:
        directory, port = Path(name), free_port()
        emulator = Program(
            ("emulate", "--port", "0", "--config", _emulator(directory)), directory / "emulator"
        )
        emulator.start()
        ending.callback(_ended, emulator)
        settings = _gateway(directory, plan, emulator.url, f"http://127.0.0.1:{port}", redis.url)
        replicas = []
        for number in (1, 2):
            arguments = ("serve", "--port", str(free_port()), "--config", settings)
            replica = Program(arguments, directory / f"replica-{number}.log")
            replica.start()
            ending.callback(_ended, replica)
            replicas.append(replica)
        yield World(directory, emulator, redis, Way(emulator.url, port), replicas)


def _ended(program: Program) -> None:
    if program.process is not None:
        program.kill()


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def _emulator(directory: Path) -> str:
    path = directory / "emulator.toml"
    keys = msgspec.json.encode([*KEYS.values()]).decode()
    path.write_text(f"patients = 60\ndocuments = 45\nkeep_requests = 5000000\nkeys = {keys}\n")
    return str(path)


def _gateway(directory: Path, plan: Plan, upstream: str, way: str, redis: str) -> str:
    path = directory / "gateway.toml"
    zones = "\n".join(f'[sites.{guid}]\ntime_zone = "{SITES[guid].zone_name}"' for guid in KEYS)
    timeouts = f"connect = 5.0\nread = 6.0\ntotal = 10.0\nidle = {plan.scaled(20, 1.0)}"
    path.write_text(
        f"""
[server]
public_url = "{PUBLIC}"
[upstream]
url = "{upstream}"
[upstream.timeouts]
{timeouts}
[upstreams.stage]
url = "{way}"
dialect = "halo-connect"
path = "/stage"
[upstreams.stage.timeouts]
{timeouts}
{zones}
[sites.default.cache.lifetimes]
"*" = {int(plan.scaled(30, 1.0))}
Patient = {int(plan.scaled(60, 1.0))}
[paging]
keys = ["{"p" * 32}"]
[cache]
keys = ["{"c" * 32}"]
lock_seconds = {plan.scaled(5, 0.5)}
[cache.redis]
url = "{redis}"
[retry]
max_wait_seconds = {plan.scaled(10, 0.3)}
initial_backoff_seconds = {plan.scaled(0.5)}
max_backoff_seconds = {plan.scaled(5)}
[circuit_breaker]
initial_open_seconds = {plan.scaled(5)}
max_open_seconds = {plan.scaled(300)}
[bulkhead]
max_concurrent = 8
max_queue = 8
[[pauses.rules]]
id = "login-failed"
code = "practice-not-authorised"
seconds = {plan.scaled(60, 1.0)}
scope = "caller-at-site"
[ledger]
path = "{directory / "ledger.sqlite3"}"
"""
    )
    return str(path)


def environment_is_clean() -> bool:
    """Whether no setting of ours comes from outside."""
    return not [name for name in os.environ if name.startswith("HALO_GATEWAY_")]
