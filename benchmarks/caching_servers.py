"""Servers that respond from a cache, on the server's core: `with NAME(upstream, folder) as server`.

`STORED_FOLDER` below the upstream's folder has the gateway's response, so that all send the same bytes.
"""

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from shutil import which

from benchmarks import measure
from benchmarks.contenders import BODY, starlette_route
from benchmarks.measure import NginxCache, Server
from benchmarks.proxies import Proxy, serve_gateway, uvicorn_proxy
from benchmarks.scratch import python_with

STORED_FOLDER = "stored"
_ADDON = Path(__file__).with_name("mitm_addon.py")


def gateway(upstream: Server, folder: Path) -> AbstractContextManager[Server]:
    """This gateway as users run it: log and ledger in files, cache settings at their defaults."""
    return serve_gateway(upstream, folder / "gateway.log", ledger__path=folder / "ledger.sqlite")


def nginx(upstream: Server, folder: Path, path_prefix: str = "") -> AbstractContextManager[Server]:
    """nginx `proxy_cache`, one worker, an access log in a file, the gateway's lifetimes.

    Identical requests wait for each other (`proxy_cache_lock`); `path_prefix` is a folder of the upstream.
    """
    inner = folder / "nginx"
    inner.mkdir()
    port = int(upstream.url.rpartition(":")[2])
    return measure.nginx(inner, upstream=port, cache=NginxCache(path_prefix=path_prefix))


def contenders(body: Path) -> dict[str, Proxy]:
    """Servers by name; prints which are not available. `body` is a file with the bytes to send."""
    environment = {BODY: str(body)}
    proxies: dict[str, Proxy] = {
        "nginx proxy_cache": partial(nginx, path_prefix=f"/{STORED_FOLDER}/"),
        "bare protocol": _bare_protocol(body),
        "starlette route": uvicorn_proxy(Path(sys.executable), starlette_route.__name__, environment),
    }
    program = _mitmdump()
    if program is None:
        measure.print_line("without mitmproxy: mitmdump is not on PATH and could not be installed")
        return proxies
    return {**proxies, "mitmproxy": _mitmproxy(program, environment)}


def _bare_protocol(body: Path) -> Proxy:
    @contextmanager
    def proxy(upstream: Server, folder: Path) -> Iterator[Server]:
        del upstream
        port, program = measure.free_port(), Path(__file__).with_name("bare_protocol.py")
        command = (sys.executable, str(program), str(port), str(body))
        with measure.run_server(command, port, folder / "bare.log") as server:
            yield server

    return proxy


def _mitmdump() -> Path | None:
    program = which("mitmdump")
    if program:
        return Path(program)
    python = python_with("mitmproxy==11.0.2", suffix="-mitmproxy")
    return python and python.with_name("mitmdump")


def _mitmproxy(program: Path, environment: dict[str, str]) -> Proxy:
    @contextmanager
    def proxy(upstream: Server, folder: Path) -> Iterator[Server]:
        port = measure.free_port()
        options = ("--set", f"confdir={folder / 'mitmproxy'}", "--set", "connection_strategy=lazy")
        listen_options = ("--listen-host", "127.0.0.1", "--listen-port", str(port), "-q", *options)
        command = (str(program), "--mode", f"reverse:{upstream.url}", *listen_options, "-s", str(_ADDON))
        with measure.run_server(command, port, folder / "mitmproxy.log", environment=environment) as server:
            yield server

    return proxy
