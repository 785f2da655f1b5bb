"""Real nginx on the simulated clock: a preloaded library reads `gettimeofday` from a file.

nginx dates cache entries by gettimeofday (ngx_times.c), once per iteration of its loop; its timers use
another clock. A day of `proxy_cache` therefore takes seconds, with unchanged nginx code.
"""

import http.client
import mmap
import struct
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from shutil import which

import pytest

from benchmarks import measure
from benchmarks.day.asgi_client import BASE, Request, Response
from benchmarks.day.nginx_model import LOCATIONS, NOT_FOUND_SECONDS
from benchmarks.day.virtual import Clock

_UNAVAILABLE = [program for program in ("nginx", "cc") if which(program) is None]
needs_nginx = pytest.mark.skipif(bool(_UNAVAILABLE), reason=f"not available: {', '.join(_UNAVAILABLE)}")

_LIBRARY = r"""
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>

static const volatile double *seconds;

__attribute__((constructor)) static void opened(void) {
    int file = open(getenv("BENCH_CLOCK"), O_RDONLY);
    seconds = mmap(0, sizeof *seconds, PROT_READ, MAP_SHARED, file, 0);
}

int gettimeofday(struct timeval *restrict tv, void *restrict zone) {
    double now = *seconds;
    (void) zone;
    tv->tv_sec = (time_t) now;
    tv->tv_usec = (suseconds_t) ((now - (double) tv->tv_sec) * 1e6);
    return 0;
}
"""
_CONFIG = """
daemon off; master_process off; worker_processes 1; pid {folder}/nginx.pid; error_log stderr;
events {{ worker_connections 256; }}
http {{
  access_log off; keepalive_requests 100000000;
  client_body_temp_path {folder}/a; proxy_temp_path {folder}/b; fastcgi_temp_path {folder}/c;
  uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;
  proxy_cache_path {folder}/cache keys_zone=day:20m inactive=2d use_temp_path=off;
  upstream halo {{ server {upstream}; keepalive 4; }}
  server {{
    listen 127.0.0.1:{port};
    proxy_http_version 1.1; proxy_set_header Connection "";
    proxy_cache day; proxy_cache_lock on;
    proxy_cache_key "$request_method$host$request_uri$http_ocp_apim_subscription_key$http_authorization";
    {locations}
    location / {{ proxy_cache off; proxy_pass http://halo; }}
  }}
}}
"""
_LOCATION = (
    'location ~ "^{path}(/|$)" {{ proxy_cache_valid 200 {seconds}s;'
    " proxy_cache_valid 404 {missing}s; proxy_pass http://halo; }}\n"
)


class NginxClient:
    """Client of nginx that writes the simulated time before each request."""

    def __init__(self, connection: http.client.HTTPConnection, clock: Clock, file: mmap.mmap) -> None:
        self._connection = connection
        self._clock = clock
        self._file = file

    async def __call__(self, request: Request) -> Response:
        """Response of nginx."""
        self._file[:] = struct.pack("d", self._clock.now().timestamp())
        headers = {name.decode(): value.decode() for name, value in request.headers}
        self._connection.request(request.method, BASE + request.path, request.body or None, headers)
        response = self._connection.getresponse()
        return Response(response.status, body=response.read())


@contextmanager
def nginx(upstream: str, clock: Clock, folder: Path) -> Iterator[NginxClient]:
    """Run nginx in front of an upstream's URL, with the gateway's lifetimes by group of types."""
    port, time = measure.free_port(), folder / "clock"
    time.write_bytes(struct.pack("d", clock.now().timestamp()))
    (folder / "nginx.conf").write_text(_config(folder, port, upstream.removeprefix("http://")))
    environment = {"LD_PRELOAD": str(_library(folder)), "BENCH_CLOCK": str(time)}
    command = ("env", *(f"{name}={value}" for name, value in environment.items()), "nginx")
    options = ("-p", str(folder), "-c", str(folder / "nginx.conf"))
    with (
        time.open("r+b") as file,
        mmap.mmap(file.fileno(), 8) as shared,
        measure.run_server((*command, *options), port, folder / "log"),
        closing(http.client.HTTPConnection("127.0.0.1", port, timeout=20)) as connection,
    ):
        yield NginxClient(connection, clock, shared)


def _config(folder: Path, port: int, upstream: str) -> str:
    rows = (
        _LOCATION.format(path=path, seconds=seconds, missing=NOT_FOUND_SECONDS) for path, seconds in LOCATIONS
    )
    return _CONFIG.format(folder=folder, port=port, upstream=upstream, locations="    ".join(rows))


def _library(folder: Path) -> Path:
    source, library = folder / "clock.c", folder / "clock.so"
    source.write_text(_LIBRARY)
    subprocess.run(("cc", "-shared", "-fPIC", "-O1", "-o", str(library), str(source)), check=True)
    return library
