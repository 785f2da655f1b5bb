"""Processes of the chaos test: emulator, Redis and two gateways, and a TCP relay to the emulator."""

import asyncio
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
from support.secrets import OTHER_SECRET, SECRET

from gateway.emulator.sites import BRISBANE, PERTH, SITES, SYDNEY

#: A site without faults, a site with faults, and a site with faults behind a relay with faults.
QUIET, NEAR, FAR = BRISBANE, SYDNEY, PERTH
KEYS = {QUIET: "quiet-key", NEAR: "near-key", FAR: "far-key"}
PUBLIC = "http://gateway.chaos"
TIMEOUT_SECONDS = 60
#: Site -> the path of its upstream's mount.
MOUNTS = {QUIET: "", NEAR: "", FAR: "/stage"}


def base(site: str) -> str:
    """Path of a site's FHIR base at the gateway."""
    return f"{MOUNTS[site]}/integrator/sites/{site}/fhir/R4"


@dataclass
class Program:
    """`python -m gateway …`; the first line of its output ends with its URL."""

    arguments: tuple[str, ...]
    log: Path
    url: str = ""
    process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        with self.log.open("a") as log:
            command = [sys.executable, "-m", "gateway", *self.arguments]
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
        self.url = _read_first_line(self.process.stdout).split()[-1]

    def kill(self) -> None:
        """Kill the process, as `kill -9` does."""
        assert self.process is not None
        self.process.kill()
        self._wait_for_end()

    def stop(self) -> int:
        """Stop the process with SIGTERM and return the exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self._wait_for_end()

    def _wait_for_end(self) -> int:
        assert self.process is not None
        code = self.process.wait(TIMEOUT_SECONDS)
        assert self.process.stdout is not None
        self.process.stdout.close()
        self.process = None
        return code

    @property
    def resident(self) -> float:
        """Resident memory in megabytes."""
        return int(self._status("VmRSS")) / 1024

    @property
    def sockets(self) -> int:
        """Number of open sockets."""
        assert self.process is not None
        links = Path(f"/proc/{self.process.pid}/fd").iterdir()
        return sum(_link_target(link).startswith("socket:") for link in links)

    def _status(self, name: str) -> str:
        assert self.process is not None
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return next(line.split()[1] for line in lines if line.startswith(name))


def _link_target(link: Path) -> str:
    try:
        return str(link.readlink())
    except FileNotFoundError:
        return ""


def _read_first_line(stdout: IO[str] | None) -> str:
    assert stdout is not None
    line = stdout.readline()
    if not line:
        raise RuntimeError("the program ended before it listened on a port")
    return line


@dataclass
class Relay:
    """TCP relay to the upstream that can refuse connections and reset new or open connections."""

    upstream: str
    port: int
    resets: bool = False
    _server: asyncio.Server | None = None
    _open: set[asyncio.StreamWriter] = field(default_factory=set)

    async def start(self) -> None:
        self.resets = False
        if self._server is None:
            self._server = await asyncio.start_server(self._relay_connection, "127.0.0.1", self.port)

    async def refuse(self) -> None:
        assert self._server is not None
        self._server.close()
        self._server = None
        self.cut()

    def cut(self) -> None:
        """Reset every connection, idle or not."""
        for writer in list(self._open):
            _reset(writer)

    async def _relay_connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.resets:
            _reset(writer)
            return
        host, _, port = self.upstream.removeprefix("http://").partition(":")
        upstream_reader, upstream_writer = await asyncio.open_connection(host, int(port))
        self._open.add(writer)
        try:
            await asyncio.gather(_copy(reader, upstream_writer), _copy(upstream_reader, writer))
        except asyncio.CancelledError:
            return  # the run has ended
        finally:
            self._open.discard(writer)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        writer.transport.abort()
    finally:
        writer.close()


def _reset(writer: asyncio.StreamWriter) -> None:
    sock = writer.get_extra_info("socket")
    if sock is not None and sock.fileno() >= 0:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


@dataclass
class Kill:
    """URL of a killed replica, and the time in seconds since 1970."""

    url: str
    at: float = field(default_factory=time)


@dataclass
class Processes:
    """An emulator with its controls, and gateways with their logs and ledger."""

    directory: Path
    emulator: Program
    replicas: list[Program]

    def control(self, method: str, path: str, body: object = None) -> Any:
        content = None if body is None else msgspec.json.encode(body)
        url = f"{self.emulator.url}/_emulator/{path}"
        response = httpx.request(method, url, content=content, timeout=TIMEOUT_SECONDS, trust_env=False)
        assert response.status_code < 400, response.text
        return msgspec.json.decode(response.content) if response.content else None

    @property
    def ledger(self) -> Path:
        return self.directory / "ledger.sqlite3"

    def log_events(self) -> list[dict[str, Any]]:
        """Events in the logs of the replicas."""
        lines = (line for replica in self.replicas for line in replica.log.read_text().splitlines())
        return [msgspec.json.decode(line) for line in lines if line.startswith("{")]

    def foreign_log_lines(self) -> list[str]:
        """Lines in the logs that are not log events of the gateway."""
        lines = (line for replica in self.replicas for line in replica.log.read_text().splitlines())
        return [line for line in lines if not line.startswith("{")]


@dataclass
class World(Processes):
    """All processes of the chaos test."""

    redis: RedisServer
    relay: Relay
    kills: list[Kill] = field(default_factory=list)

    def redis_outages(self) -> list[tuple[float, float]]:
        """Times in which a replica was without Redis: start and end in seconds since 1970."""
        outages = []
        for replica in self.replicas:
            down_since = 0.0
            for line in replica.log.read_text().splitlines():
                event = msgspec.json.decode(line) if line.startswith("{") else {}
                at = datetime.fromisoformat(event["timestamp"]).timestamp() if "timestamp" in event else 0.0
                down_since = at if event.get("event") == "shared-store-down" else down_since
                if event.get("event") == "shared-store-up":
                    outages.append((down_since, at))
                    down_since = 0.0
            outages += [(down_since, inf)] if down_since else []
        return outages


@contextmanager
def run_world(plan: Plan) -> Iterator[World]:
    """Run all processes; those that still run at the end are killed."""
    with TemporaryDirectory() as name, redis_server() as redis, ExitStack() as cleanup:
        directory, port = Path(name), free_port()
        emulator = Program(
            ("emulate", "--port", "0", "--config", _write_emulator_config(directory)), directory / "emulator"
        )
        emulator.start()
        cleanup.callback(kill_if_running, emulator)
        settings = _write_gateway_config(directory, plan, emulator.url, f"http://127.0.0.1:{port}", redis.url)
        replicas = []
        for number in (1, 2):
            arguments = ("serve", "--port", str(free_port()), "--config", settings)
            replica = Program(arguments, directory / f"replica-{number}.log")
            replica.start()
            cleanup.callback(kill_if_running, replica)
            replicas.append(replica)
        yield World(directory, emulator, replicas, redis, Relay(emulator.url, port))


def kill_if_running(program: Program) -> None:
    if program.process is not None:
        program.kill()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def site_sections() -> str:
    """Configuration of the sites' time zones."""
    return "\n".join(f'[sites.{guid}]\ntime_zone = "{SITES[guid].zone_name}"' for guid in KEYS)


def _write_emulator_config(directory: Path) -> str:
    path = directory / "emulator.toml"
    keys = msgspec.json.encode([*KEYS.values()]).decode()
    path.write_text(f"patients = 60\ndocuments = 45\nkeep_requests = 5000000\nkeys = {keys}\n")
    return str(path)


def _write_gateway_config(directory: Path, plan: Plan, upstream: str, relay: str, redis: str) -> str:
    path = directory / "gateway.toml"
    timeouts = f"connect = 5.0\nread = 6.0\ntotal = 10.0\nidle = {plan.scale(20, 1.0)}"
    path.write_text(
        f"""
[server]
public_url = "{PUBLIC}"
[upstream]
url = "{upstream}"
[upstream.timeouts]
{timeouts}
[upstreams.stage]
url = "{relay}"
dialect = "halo-connect"
path = "/stage"
[upstreams.stage.timeouts]
{timeouts}
{site_sections()}
[sites.default.cache.lifetimes]
"*" = {int(plan.scale(30, 1.0))}
Patient = {int(plan.scale(60, 1.0))}
[paging]
keys = ["{SECRET}"]
[cache]
keys = ["{OTHER_SECRET}"]
lock_seconds = {plan.scale(5, 0.5)}
[cache.redis]
url = "{redis}"
[retry]
max_wait_seconds = {plan.scale(10, 1.5)}
initial_backoff_seconds = {plan.scale(0.5)}
max_backoff_seconds = {plan.scale(5)}
[circuit_breaker]
initial_open_seconds = {plan.scale(5)}
max_open_seconds = {plan.scale(300)}
[bulkhead]
max_concurrent = 8
max_queue = 8
[[pauses.rules]]
id = "login-failed"
code = "practice-not-authorised"
seconds = {plan.scale(60, 1.0)}
scope = "caller-at-site"
[sql]
read_timeout_seconds = 6.0
total_timeout_seconds = 10.0
[ledger]
path = "{directory / "ledger.sqlite3"}"
"""
    )
    return str(path)
