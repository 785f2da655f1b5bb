"""Every contender that answers from memory, on the server's core: `with NAME(upstream, folder) as server`.

Upstream, `KEPT` below its folder holds the bytes that the gateway gives, so that all answer with the same.
"""

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from shutil import which

from benchmarks import measure
from benchmarks.contenders import BODY, starlette_route
from benchmarks.measure import Keeping, Server
from benchmarks.proxies import Proxy, on_uvicorn, serving
from benchmarks.scratch import python_with

KEPT = "kept"
_ADDON = Path(__file__).with_name("mitm_addon.py")


def gateway(upstream: Server, folder: Path) -> AbstractContextManager[Server]:
    """This gateway as users run it: its log in a file, its ledger too, the cache as it is by default."""
    return serving(upstream, folder / "gateway.log", ledger__path=folder / "ledger.sqlite")


def nginx(upstream: Server, folder: Path, below: str = "") -> AbstractContextManager[Server]:
    """nginx `proxy_cache`, one worker, an access log in a file; kept as long as the gateway keeps it.

    Equal questions wait for each other (`proxy_cache_lock`); `below` is a folder upstream.
    """
    inner = folder / "nginx"
    inner.mkdir()
    port = int(upstream.url.rpartition(":")[2])
    return measure.nginx(inner, upstream=port, keeping=Keeping(below=below))


def contenders(body: Path) -> dict[str, Proxy]:
    """Every contender that can be had, by name; says which cannot. `body` is a file with the bytes."""
    environment = {BODY: str(body)}
    found: dict[str, Proxy] = {
        "nginx proxy_cache": partial(nginx, below=f"/{KEPT}/"),
        "starlette route": on_uvicorn(Path(sys.executable), starlette_route.__name__, environment),
    }
    program = _mitmdump()
    if program is None:
        measure.say("without mitmproxy: mitmdump is not on PATH and could not be installed")
        return found
    return {**found, "mitmproxy": _mitmproxy(program, environment)}


def _mitmdump() -> Path | None:
    found = which("mitmdump")
    if found:
        return Path(found)
    python = python_with("mitmproxy==11.0.2", apart="-mitmproxy")
    return python and python.with_name("mitmdump")


def _mitmproxy(program: Path, environment: dict[str, str]) -> Proxy:
    @contextmanager
    def proxy(upstream: Server, folder: Path) -> Iterator[Server]:
        port = measure.free_port()
        own = ("--set", f"confdir={folder / 'mitmproxy'}", "--set", "connection_strategy=lazy")
        listens = ("--listen-host", "127.0.0.1", "--listen-port", str(port), "-q", *own)
        command = (str(program), "--mode", f"reverse:{upstream.url}", *listens, "-s", str(_ADDON))
        with measure.running(command, port, folder / "mitmproxy.log", environment=environment) as server:
            yield server

    return proxy
