"""Servers pinned to one core, load from the other core, and printed tables of the results."""

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
HeaderLines = tuple[str, ...]
#: Cores that this process may use.
CORES = sorted(os.sched_getaffinity(0)) if sys.platform == "linux" else [0]
SERVER, LOAD = CORES[0], CORES[-1]
_UNAVAILABLE = [program for program in ("nginx", "wrk", "taskset") if which(program) is None]
_UNAVAILABLE += [] if SERVER != LOAD else ["a second core"]

needs_linux = pytest.mark.skipif(sys.platform != "linux", reason="reads memory from /proc")
needs_servers = pytest.mark.skipif(bool(_UNAVAILABLE), reason=f"not available: {', '.join(_UNAVAILABLE)}")

_FILE_SERVER = "root {folder}; open_file_cache max=100;"
_PROXY = """
location / {{
  proxy_pass http://up{path_prefix}; proxy_http_version 1.1; proxy_set_header Connection "";
  {cache_directives}
}}
"""
_NGINX = """
daemon off; master_process off; worker_processes 1; pid {folder}/nginx.pid; error_log stderr;
events {{ worker_connections 1024; }}
http {{
  {zone}
  access_log off; default_type application/json; keepalive_requests 100000000; tcp_nodelay on;
  client_body_temp_path {folder}/a; proxy_temp_path {folder}/b; fastcgi_temp_path {folder}/c;
  uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;
  upstream up {{ server 127.0.0.1:{upstream}; keepalive 64; keepalive_requests 100000000; }}
  server {{ listen 127.0.0.1:{port}; {location} }}
}}
"""


@dataclass(frozen=True)
class Load:
    """Result of a run of wrk: requests per second, latencies in milliseconds, failed requests.

    `cpu` is the server's CPU time per request in µs, the figure least affected by a busy machine.
    """

    rate: float
    p50: float
    p99: float
    longest: float
    errors: int
    cpu: float = 0


@dataclass(frozen=True)
class Server:
    """A running server."""

    url: str
    pid: int

    @property
    def cpu(self) -> float:
        """CPU time since the start, in µs."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK") * 1e6

    def memory(self, field: str = "VmRSS") -> int:
        """Resident memory in bytes, now or (`VmHWM`) the maximum since the start."""
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{field}:"))


@dataclass(frozen=True)
class NginxCache:
    """Cache of nginx: `valid` is its lifetime, `path_prefix` a folder of the upstream.

    The subscription key is part of the cache key, and the access log is on, as a practice requires.
    """

    valid: str = "60m"
    path_prefix: str = ""

    def directives(self, folder: Path) -> tuple[str, str]:
        """Directives for `http` and for `location`."""
        zone = (
            f"proxy_cache_path {folder}/cache levels=1:2 keys_zone=responses:10m max_size=256m inactive=60m;"
        )
        key = "proxy_cache_key $request_uri$http_ocp_apim_subscription_key; proxy_cache_lock on;"
        log = f"access_log {folder}/access.log combined; sendfile on; open_file_cache max=100;"
        return zone, f"proxy_cache responses; proxy_cache_valid 200 {self.valid}; {key} {log}"


_FIGURES = ("rate", "p50", "p99", "longest", "cpu")


def free_port() -> int:
    """A free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def pin_to_core(core: int | str, *command: str) -> tuple[str, ...]:
    """The command, restricted to that core if `taskset` is installed."""
    return ("taskset", "-c", str(core), *command) if which("taskset") else command


@contextmanager
def run_server(
    command: Sequence[str],
    port: int,
    log: Path,
    *,
    core: int | str = SERVER,
    environment: dict[str, str] | None = None,
) -> Iterator[Server]:
    """Run a server on that port, pinned to one core; it is terminated at the end."""
    with (
        log.open("w") as out,
        subprocess.Popen(
            pin_to_core(core, *command), stdout=out, stderr=out, env=os.environ | (environment or {})
        ) as process,
    ):
        try:
            _wait_until_listening(process, port, log)
            yield Server(f"http://127.0.0.1:{port}", process.pid)
        finally:
            process.terminate()


@contextmanager
def nginx(
    folder: Path, *, upstream: int = 0, cache: NginxCache | None = None, core: int = SERVER
) -> Iterator[Server]:
    """Run nginx as a proxy of an upstream's port, with a cache or without, or as a server of its folder."""
    port, config = free_port(), folder / "nginx.conf"
    zone, cache_directives = cache.directives(folder) if cache else ("", "")
    path_prefix = cache.path_prefix if cache else ""
    location = (_PROXY if upstream else _FILE_SERVER).format(
        folder=folder, cache_directives=cache_directives, path_prefix=path_prefix
    )
    facts = {"folder": folder, "upstream": upstream or port, "port": port}
    config.write_text(_NGINX.format(**facts, location=location, zone=zone))
    with run_server(
        ("nginx", "-p", str(folder), "-c", str(config)), port, folder / "log", core=core
    ) as server:
        yield server


@contextmanager
def file_upstream(folder: Path, files: Mapping[str, bytes]) -> Iterator[Server]:
    """Run nginx as a server of these files by path, on the load generator's core."""
    folder.mkdir()
    write_files(folder, files)
    with nginx(folder, core=LOAD) as server:
        yield server


def write_files(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write files below a folder."""
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)


def run_wrk(  # noqa: PLR0913 - the options of one run
    server: Server,
    path: str,
    connections: int,
    seconds: int,
    *,
    pause: int = 0,
    headers: HeaderLines = (),
    varies_id: bool = False,
) -> Load:
    """Run wrk and add the server's CPU time; parameters as in `start_wrk`."""
    before, url = server.cpu, f"{server.url}/{path}"
    process = start_wrk(url, connections, seconds, pause=pause, headers=headers, varies_id=varies_id)
    load = wrk_result(process)
    return replace(load, cpu=(server.cpu - before) / max(load.rate * seconds, 1))


def start_wrk(
    url: str,
    connections: int,
    seconds: int,
    *,
    pause: int = 0,
    headers: HeaderLines = (),
    varies_id: bool = False,
) -> "subprocess.Popen[str]":
    """Start wrk; `wrk_result` waits for it. `pause` in milliseconds before each request.

    `varies_id`: each request has an X-Request-Id of its own.
    """
    script = Path(__file__).with_name("report.lua")
    shape = ("-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "20s")
    header_options = (word for header in (": ".join(KEY), *headers) for word in ("-H", header))
    command = pin_to_core(LOAD, "wrk", *shape, *header_options, "-s", str(script), url, "--", str(pause))
    command += ("vary",) if varies_id else ()
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def wrk_result(process: "subprocess.Popen[str]") -> Load:
    """Result of wrk after its end."""
    out, _ = process.communicate()
    report = json.loads(out.splitlines()[-1])
    rate = report["requests"] / report["seconds"]
    return Load(rate, report["p50"], report["p99"], report["longest"], report["errors"])


def median_load(rounds: Sequence[Load]) -> Load:
    """Median of every figure; sum of the errors."""
    figures = {name: median(getattr(load, name) for load in rounds) for name in _FIGURES}
    return Load(**figures, errors=sum(load.errors for load in rounds))


def print_table(title: str, head: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a table: first column left-aligned, the rest right-aligned."""
    lines = [[str(cell) for cell in row] for row in (head, *rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    print_line(f"\n{title}")
    for first, *rest in lines:
        cells = (cell.rjust(width) for cell, width in zip(rest, widths[1:], strict=True))
        print_line("  ".join((first.ljust(widths[0]), *cells)))


def print_aim(label: str, value: float, limit: float, *, at_least: bool = False) -> None:
    """Print whether an aim is met; a missed aim does not fail the test."""
    met = value >= limit if at_least else value <= limit
    print_line(
        f"{'met' if met else 'NOT MET'}: {label}: {value:.2f} (aim {'≥' if at_least else '≤'} {limit:g})"
    )


def print_line(line: str) -> None:
    """Print a line."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _wait_until_listening(process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    end = time.monotonic() + 20
    while time.monotonic() < end and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError(f"{process.args!r} did not start: {log.read_text()[-2000:]}")
