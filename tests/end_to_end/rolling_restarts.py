"""Two replicas that are restarted one after the other under load, behind nginx or a client's own pool."""

import http.client
import json
import os
import random
import select
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from support.nginx_kit import Nginx, free_port, replace_upstream, run_nginx

from gateway.server.serve import ThreadedServer

FHIR: Final = "/integrator/sites/0a1b2c3d-0000-4000-8000-00000000000a/fhir/R4"
FIELDS: Final = {"Ocp-Apim-Subscription-Key": "demo-key", "Content-Type": "application/fhir+json"}
#: Seconds between two health checks: of the active checker, and after a failure that nginx noticed itself.
CHECK_SECONDS: Final = 1.0
CLIENTS: Final = 6
#: Maximum pause of a client between two requests, in seconds: replicas start in the time that is left.
_PAUSE_SECONDS: Final = 0.1
_START_SECONDS: Final = 60


class Executions:
    """Upstream that counts how often it executed each request, by X-Request-Id."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.app = Starlette(
            routes=[
                Route(FHIR + "/Patient", self._create, methods=["POST"]),
                Route(FHIR + "/Patient/{id}", self._read),
                Route(FHIR + "/Patient/{id}", self._update, methods=["PUT"]),
                Route(FHIR + "/Patient/{id}", self._delete, methods=["DELETE"]),
            ]
        )

    async def _create(self, request: Request) -> Response:
        patient = json.loads(await request.body()) | {"id": self._count(request)}
        return JSONResponse(patient, 201, {"location": f"{FHIR}/Patient/{patient['id']}"})

    async def _read(self, request: Request) -> Response:
        self._count(request)
        return JSONResponse({"resourceType": "Patient", "id": request.path_params["id"]})

    async def _update(self, request: Request) -> Response:
        self._count(request)
        return Response(await request.body(), media_type="application/fhir+json")

    async def _delete(self, request: Request) -> Response:
        self._count(request)
        return Response(status_code=204)

    def _count(self, request: Request) -> str:
        identifier = request.headers["x-request-id"]
        self.counts[identifier] += 1
        return identifier


@dataclass
class Replica:
    """A process of the gateway on a port of its own, which a restart keeps."""

    upstream: str
    log: Path
    workers: int
    drain_delay: int
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Start, and wait until it accepts connections."""
        command = (sys.executable, "-P", "-m", "gateway", "serve", "--port", str(self.port))
        with self.log.open("a") as log:
            self.process = subprocess.Popen(
                [*command, "--workers", str(self.workers)],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=os.environ | {f"HALO_GATEWAY_{name}": value for name, value in self._settings().items()},
            )
        assert self.process.stdout
        assert self.process.stdout.readline(), self.log.read_text()

    def restart(self) -> None:
        """End as an operator does, and start again."""
        assert self.process
        assert self.process.stdout
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(_START_SECONDS) == 0
        self.process.stdout.close()
        self.start()

    def kill(self) -> None:
        """End at once."""
        if self.process and self.process.stdout:
            self.process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(10)
            self.process.kill()
            self.process.wait()
            self.process.stdout.close()

    @property
    def address(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self.port}"

    @property
    def is_ready(self) -> bool:
        """Whether it wants requests, as an orchestrator asks."""
        with suppress(httpx.HTTPError):
            url = f"http://{self.address}/readyz"
            return httpx.get(url, timeout=2, trust_env=False).status_code == 200
        return False

    def _settings(self) -> dict[str, str]:
        return {
            "UPSTREAM__URL": self.upstream,
            "SITES__DEFAULT__TIME_ZONE": "Australia/Sydney",
            "SERVER__DRAIN_DELAY": str(self.drain_delay),
            "LOG__LEVEL": "warning",
        }


class Balancer(Protocol):
    """What sends each request to one of the replicas."""

    def send(self, method: str, path: str, body: str | None, headers: dict[str, str]) -> int:
        """Return the status of the answer. Raises OSError or HTTPException if there is none."""
        ...


@dataclass
class Load:
    """Clients that send reads, hits and changes at once, until they are stopped, and what they lost."""

    balancer: Balancer
    sent: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    lost: list[tuple[float, str, str]] = field(default_factory=list)
    _has_ended: threading.Event = field(default_factory=threading.Event)
    _started_at: float = field(default_factory=time.monotonic)

    @contextmanager
    def running(self, name: str) -> Iterator["Load"]:
        """Send until the context ends; `name` begins the ids of the requests."""
        threads = [
            threading.Thread(target=self._send_all, args=(f"{name}-{client}", client))
            for client in range(CLIENTS)
        ]
        for thread in threads:
            thread.start()
        try:
            yield self
        finally:
            self._has_ended.set()
            for thread in threads:
                thread.join()

    def _send_all(self, name: str, number: int) -> None:
        while not self._has_ended.wait(_PAUSE_SECONDS * random.random()):
            number += 1
            self._send(f"{name}-{number}", number % 5)

    def _send(self, identifier: str, kind: int) -> None:
        method, path, body = (
            ("POST", "/Patient", '{"resourceType": "Patient"}'),
            ("GET", f"/Patient/{identifier}", None),
            ("GET", "/Patient/1", None),
            ("PUT", f"/Patient/{identifier}", f'{{"resourceType": "Patient", "id": "{identifier}"}}'),
            ("DELETE", f"/Patient/{identifier}", None),
        )[kind]
        try:
            fields = FIELDS | {"X-Request-Id": identifier}
            status = self.balancer.send(method, FHIR + path, body, fields)
        except (OSError, http.client.HTTPException) as error:
            status = repr(error)
        self.sent.append(identifier)
        if status not in {200, 201, 204}:
            self.lost.append((round(time.monotonic() - self._started_at, 2), method, str(status)))
        elif method != "GET":
            self.changed.append(identifier)


@dataclass
class Kit:
    """nginx of deploy/compose in front of replicas; each request has its own connection to nginx."""

    nginx: Nginx

    def send(self, method: str, path: str, body: str | None, headers: dict[str, str]) -> int:
        """Send on a new connection: a reload of nginx closes idle ones."""
        connection = http.client.HTTPConnection("127.0.0.1", self.nginx.port, timeout=30)
        try:
            connection.request(method, path, body, headers | {"Connection": "close"})
            response = connection.getresponse()
            response.read()
        finally:
            connection.close()
        return response.status


@contextmanager
def noticing_kit(folder: Path, replicas: list[Replica], config: str) -> Iterator[Kit]:
    """nginx that notices failures itself, within CHECK_SECONDS."""
    folder.mkdir()
    kit = config.replace("fail_timeout=5s", f"fail_timeout={CHECK_SECONDS:.0f}s")
    with run_nginx(folder, [replica.address for replica in replicas], kit=kit) as nginx:
        yield Kit(nginx)


@contextmanager
def checked_kit(folder: Path, replicas: list[Replica]) -> Iterator[Kit]:
    """nginx that sends requests to those replicas only that are ready, as an orchestrator's balancer does."""
    folder.mkdir()
    _write_servers(folder, replicas)
    kit = replace_upstream("upstream gateways { include servers; keepalive 32; }\n")
    with run_nginx(folder, [], kit=kit) as nginx, _active_checks(nginx, folder, replicas):
        yield Kit(nginx)


def _write_servers(folder: Path, replicas: list[Replica]) -> None:
    # As by default, nginx leaves a replica out that refused a connection: changes of the kit rely on it.
    lines = (f"server {replica.address} fail_timeout={CHECK_SECONDS:.0f}s;\n" for replica in replicas)
    (folder / "servers").write_text("".join(lines))


@contextmanager
def _active_checks(nginx: Nginx, folder: Path, replicas: list[Replica]) -> Iterator[None]:
    """Rewrite the replicas of nginx by their /readyz, as Kubernetes does, until the context ends."""
    has_ended = threading.Event()

    def check() -> None:
        served = replicas
        while not has_ended.wait(CHECK_SECONDS):
            ready = [replica for replica in replicas if replica.is_ready]
            if ready and ready != served:
                _write_servers(folder, ready)
                nginx.reload()
                served = ready

    thread = threading.Thread(target=check)
    thread.start()
    try:
        yield
    finally:
        has_ended.set()
        thread.join()


class ClientPool:
    """A client that keeps connections, the last used first, and repeats only what was refused to connect."""

    def __init__(self, replicas: list[Replica]) -> None:
        self._ports = [replica.port for replica in replicas]
        self._idle: dict[int, list[http.client.HTTPConnection]] = {port: [] for port in self._ports}
        self._turn = 0
        #: Connections that were refused, and were used again.
        self.refused = self.reused = 0

    def send(self, method: str, path: str, body: str | None, headers: dict[str, str]) -> int:
        """Send on an idle connection of the next replica, or a new one."""
        port, connection = self._connection()
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        response.read()
        if not response.will_close:
            self._idle[port].append(connection)
        return response.status

    def _connection(self) -> tuple[int, http.client.HTTPConnection]:
        self._turn += 1
        deadline = time.monotonic() + 20
        while True:
            for offset in range(len(self._ports)):
                port = self._ports[(self._turn + offset) % len(self._ports)]
                connection = self._idle_connection(port)
                if connection is not None:
                    self.reused += 1
                    return port, connection
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
                try:
                    connection.connect()
                except ConnectionRefusedError:
                    self.refused += 1
                    continue
                return port, connection
            assert time.monotonic() < deadline, "both replicas refused connections"

    def _idle_connection(self, port: int) -> http.client.HTTPConnection | None:
        """The connection that was used last and is still open."""
        with suppress(IndexError):
            while True:
                connection = self._idle[port].pop()
                if not select.select([connection.sock], [], [], 0)[0]:
                    return connection
                connection.close()
        return None

    def close(self) -> None:
        """Close the idle connections."""
        for connections in self._idle.values():
            for connection in connections:
                connection.close()


@contextmanager
def running_replicas(
    folder: Path, workers: int, drain_delay: int
) -> Iterator[tuple[Executions, list[Replica]]]:
    """Two replicas, and the upstream behind them."""
    executions = Executions()
    with ThreadedServer(executions.app) as upstream, ExitStack() as stack:
        logs = (folder / f"log-{number}" for number in (1, 2))
        replicas = [Replica(upstream.url, log, workers, drain_delay) for log in logs]
        for replica in replicas:
            stack.callback(replica.kill)
        threads = [threading.Thread(target=replica.start) for replica in replicas]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        yield executions, replicas


def restart_in_turn(
    loads: list[Load], replicas: list[Replica], distances: tuple[float, ...], requests: int
) -> int:
    """Restart the replicas in turn, at each distance, until each load has enough requests; count restarts."""
    restarts = 0
    while restarts < len(distances) * len(replicas) or any(len(load.sent) < requests for load in loads):
        for replica in replicas:
            time.sleep(distances[(restarts // len(replicas)) % len(distances)])
            replica.restart()
            restarts += 1
    time.sleep(CHECK_SECONDS)
    return restarts
