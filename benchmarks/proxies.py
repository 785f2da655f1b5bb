"""Every contender as a server on the server's core: `with NAME(upstream, folder) as server`."""

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from benchmarks import measure
from benchmarks.contenders import UPSTREAM, fastapi_proxy_lib, starlette_httpx
from benchmarks.measure import Server
from benchmarks.scratch import python_with

Proxy = Callable[[Server, Path], AbstractContextManager[Server]]
_TESTS = Path(__file__).parent.parent
_UVICORN = ("--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "warning")


def gateway(upstream: Server, folder: Path) -> AbstractContextManager[Server]:
    """This gateway: `halo-gateway serve`; the way through is measured, not the cache."""
    return serving(upstream, folder / "gateway.log", log__level="warning", cache__profile="off")


@contextmanager
def serving(upstream: Server, log: Path, **settings: object) -> Iterator[Server]:
    """`halo-gateway serve` with these settings, `section__name=value`, else as users run it."""
    port = measure.free_port()
    known = {"upstream__url": upstream.url, "sites__default__time_zone": "Australia/Sydney", **settings}
    environment = {f"HALO_GATEWAY_{name.upper()}": str(value) for name, value in known.items()}
    command = (sys.executable, "-m", "gateway", "serve", "--port", str(port))
    with measure.running(command, port, log, environment=environment) as server:
        yield server


def nginx(upstream: Server, folder: Path) -> AbstractContextManager[Server]:
    """nginx `proxy_pass` with connections kept."""
    inner = folder / "proxy"
    inner.mkdir()
    return measure.nginx(inner, upstream=int(upstream.url.rpartition(":")[2]))


@contextmanager
def straight(upstream: Server, folder: Path) -> Iterator[Server]:
    """No proxy at all."""
    del folder
    yield upstream


def contenders() -> dict[str, Proxy]:
    """Every contender that can be had, by name; says which cannot."""
    found: dict[str, Proxy] = {
        "straight": straight,
        "nginx": nginx,
        "gateway": gateway,
        "starlette+httpx": on_uvicorn(Path(sys.executable), starlette_httpx.__name__),
    }
    python = python_with("fastapi-proxy-lib", "fastapi", "uvicorn", "uvloop", "httptools")
    if python is None:
        measure.say("without fastapi-proxy-lib: it could not be installed")
        return found
    return {**found, "fastapi-proxy-lib": on_uvicorn(python, fastapi_proxy_lib.__name__)}


def on_uvicorn(python: Path, factory: str, environment: dict[str, str] | None = None) -> Proxy:
    """A contender of `contenders.py` on uvicorn."""

    @contextmanager
    def proxy(upstream: Server, folder: Path) -> Iterator[Server]:
        port = measure.free_port()
        app = (f"bench.contenders:{factory}", "--factory", "--app-dir", str(_TESTS))
        command = (str(python), "-m", "uvicorn", *app, "--port", str(port), *_UVICORN)
        known = {UPSTREAM: upstream.url} | (environment or {})
        with measure.running(command, port, folder / f"{factory}.log", environment=known) as server:
            yield server

    return proxy
