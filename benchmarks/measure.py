"""Servers pinned to one core, load from the other, and tables of what came of it."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from shutil import which
from statistics import median

import pytest

KEY = ("Ocp-Apim-Subscription-Key", "demo-key")
Lines = tuple[str, ...]
_CORES = sorted(os.sched_getaffinity(0)) if sys.platform == "linux" else [0]
SERVER, LOAD = _CORES[0], _CORES[-1]
_MISSING = [each for each in ("nginx", "wrk", "taskset") if which(each) is None]
_MISSING += [] if SERVER != LOAD else ["a second core"]

needs_linux = pytest.mark.skipif(sys.platform != "linux", reason="reads memory from /proc")
needs_servers = pytest.mark.skipif(bool(_MISSING), reason=f"not here: {', '.join(_MISSING)}")

_UPSTREAM = "root {folder}; open_file_cache max=100;"
_PROXY = """
location / {{ proxy_pass http://up{below}; proxy_http_version 1.1; proxy_set_header Connection ""; {more} }}
"""
_NGINX = """
daemon off; master_process off; worker_processes 1; pid {folder}/nginx.pid; error_log stderr;
events {{ worker_connections 1024; }}
http {{
  {keeps}
  access_log off; default_type application/json; keepalive_requests 100000000; tcp_nodelay on;
  client_body_temp_path {folder}/a; proxy_temp_path {folder}/b; fastcgi_temp_path {folder}/c;
  uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;
  upstream up {{ server 127.0.0.1:{upstream}; keepalive 64; keepalive_requests 100000000; }}
  server {{ listen 127.0.0.1:{port}; {serves} }}
}}
"""


@dataclass(frozen=True)
class Load:
    """What one run of wrk saw: answers a second, latencies in milliseconds, failed requests.

    `cpu` is what the server spent on one of them, in µs: the figure least troubled by a busy machine.
    """

    rate: float
    p50: float
    p99: float
    most: float
    errors: int
    cpu: float = 0


@dataclass(frozen=True)
class Server:
    """A server at work."""

    url: str
    pid: int

    @property
    def cpu(self) -> float:
        """CPU time used so far, in µs."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK") * 1e6

    def memory(self, field: str = "VmRSS") -> int:
        """Bytes of memory that are resident, now or (`VmHWM`) at most so far."""
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{field}:"))


@dataclass(frozen=True)
class Keeping:
    """How nginx keeps what it passes on: `valid` is its word for how long; `below` a folder upstream.

    Keys are part of the question, and the access log is on, as they must be before a practice.
    """

    valid: str = "60m"
    below: str = ""

    def inside(self, folder: Path) -> tuple[str, str]:
        """What stands in `http` and in `location`."""
        zone = f"proxy_cache_path {folder}/kept levels=1:2 keys_zone=kept:10m max_size=256m inactive=60m;"
        key = "proxy_cache_key $request_uri$http_ocp_apim_subscription_key; proxy_cache_lock on;"
        log = f"access_log {folder}/access.log combined; sendfile on; open_file_cache max=100;"
        return zone, f"proxy_cache kept; proxy_cache_valid 200 {self.valid}; {key} {log}"


_FIGURES = ("rate", "p50", "p99", "most", "cpu")


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def pinned(core: int, *command: str) -> tuple[str, ...]:
    """The command that runs on that core alone, where that can be had."""
    return ("taskset", "-c", str(core), *command) if which("taskset") else command


@contextmanager
def running(
    command: Sequence[str],
    port: int,
    log: Path,
    *,
    core: int = SERVER,
    environment: dict[str, str] | None = None,
) -> Iterator[Server]:
    """A server on that port, pinned to one core and ended at the end."""
    with (
        log.open("w") as out,
        subprocess.Popen(
            pinned(core, *command), stdout=out, stderr=out, env=os.environ | (environment or {})
        ) as process,
    ):
        try:
            _awaited(process, port, log)
            yield Server(f"http://127.0.0.1:{port}", process.pid)
        finally:
            process.terminate()


@contextmanager
def nginx(
    folder: Path, *, upstream: int = 0, keeping: Keeping | None = None, core: int = SERVER
) -> Iterator[Server]:
    """nginx before an upstream's port, keeping what it passes on or not; or serving its folder's files."""
    port, config = free_port(), folder / "nginx.conf"
    keeps, more = keeping.inside(folder) if keeping else ("", "")
    below = keeping.below if keeping else ""
    serves = (_PROXY if upstream else _UPSTREAM).format(folder=folder, more=more, below=below)
    facts = {"folder": folder, "upstream": upstream or port, "port": port}
    config.write_text(_NGINX.format(**facts, serves=serves, keeps=keeps))
    with running(("nginx", "-p", str(folder), "-c", str(config)), port, folder / "log", core=core) as server:
        yield server


@contextmanager
def upstream(folder: Path, files: Mapping[str, bytes]) -> Iterator[Server]:
    """nginx serving these files by path, on the load generator's core."""
    folder.mkdir()
    placed(folder, files)
    with nginx(folder, core=LOAD) as server:
        yield server


def placed(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write files below a folder."""
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)


def wrk(
    server: Server, path: str, connections: int, seconds: int, *, pause: int = 0, headers: Lines = ()
) -> Load:
    """What that many connections see in that time; see `wrk_started`."""
    before = server.cpu
    seen = loaded(wrk_started(f"{server.url}/{path}", connections, seconds, pause=pause, headers=headers))
    return replace(seen, cpu=(server.cpu - before) / max(seen.rate * seconds, 1))


def wrk_started(
    url: str, connections: int, seconds: int, *, pause: int = 0, headers: Lines = ()
) -> "subprocess.Popen[str]":
    """wrk at work; `loaded` waits for it. `pause` in milliseconds before each request."""
    script = Path(__file__).with_name("report.lua")
    shape = ("-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "20s")
    told = (word for each in (": ".join(KEY), *headers) for word in ("-H", each))
    command = pinned(LOAD, "wrk", *shape, *told, "-s", str(script), url, "--", str(pause))
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def loaded(process: "subprocess.Popen[str]") -> Load:
    """What wrk saw, once it has ended."""
    out, _ = process.communicate()
    found = json.loads(out.splitlines()[-1])
    rate = found["requests"] / found["seconds"]
    return Load(rate, found["p50"], found["p99"], found["most"], found["errors"])


def middle(rounds: Sequence[Load]) -> Load:
    """The median of every figure; the errors are added up."""
    figures = {name: median(getattr(each, name) for each in rounds) for name in _FIGURES}
    return Load(**figures, errors=sum(each.errors for each in rounds))


def show(title: str, head: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a table: first column left, the others right."""
    lines = [[str(cell) for cell in row] for row in (head, *rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    say(f"\n{title}")
    for first, *others in lines:
        cells = (cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True))
        say("  ".join((first.ljust(widths[0]), *cells)))


def aim(words: str, value: float, limit: float, *, at_least: bool = False) -> None:
    """Print whether an aim is met; a missed one is no failure."""
    met = value >= limit if at_least else value <= limit
    say(f"{'met' if met else 'NOT MET'}: {words}: {value:.2f} (aim {'≥' if at_least else '≤'} {limit:g})")


def say(line: str) -> None:
    """Print a line."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _awaited(process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    end = time.monotonic() + 20
    while time.monotonic() < end and process.poll() is None:
        with socket.socket() as one:
            if one.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError(f"{process.args!r} did not start: {log.read_text()[-2000:]}")
