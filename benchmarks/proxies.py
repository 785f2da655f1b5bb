"""Reverse proxies on the server's core: `with NAME(upstream, folder) as server`."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from benchmarks import measure
from benchmarks.contenders import UPSTREAM, fastapi_proxy_lib, starlette_httpx
from benchmarks.measure import Server
from benchmarks.scratch import python_with

Proxy = Callable[[Server, Path], AbstractContextManager[Server]]
_ROOT = Path(__file__).parent.parent
#: Environment variable with the folder of an older checkout to compare with.
BENCH_BEFORE = "BENCH_BEFORE"
_UVICORN = ("--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "warning")


def gateway(upstream: Server, folder: Path) -> AbstractContextManager[Server]:
    """This gateway without its cache, because pass-through is measured."""
    return serve_gateway(upstream, folder / "gateway.log", log__level="warning", cache__profile="off")


def gateway_before(upstream: Server, folder: Path) -> AbstractContextManager[Server]:
    """The gateway of the checkout that BENCH_BEFORE names, without its cache."""
    log, checkout = folder / "gateway-before.log", os.environ[BENCH_BEFORE]
    return serve_gateway(upstream, log, checkout, log__level="warning", cache__profile="off")


@contextmanager
def serve_gateway(
    upstream: Server, log: Path, checkout: str = str(_ROOT), **settings: object
) -> Iterator[Server]:
    """Run `halo-gateway serve` with these settings, `section__name=value`, else the defaults.

    `checkout` is the folder with the code of the gateway.
    """
    port = measure.free_port()
    options = {"upstream__url": upstream.url, "sites__default__time_zone": "Australia/Sydney", **settings}
    environment = {f"HALO_GATEWAY_{name.upper()}": str(value) for name, value in options.items()}
    environment["PYTHONPATH"] = checkout
    # -P: the current folder may be another checkout.
    command = (sys.executable, "-P", "-m", "gateway", "serve", "--port", str(port))
    with measure.run_server(command, port, log, environment=environment) as server:
        yield server


def nginx(upstream: Server, folder: Path) -> AbstractContextManager[Server]:
    """nginx `proxy_pass` with persistent connections."""
    inner = folder / "proxy"
    inner.mkdir()
    return measure.nginx(inner, upstream=int(upstream.url.rpartition(":")[2]))


@contextmanager
def no_proxy(upstream: Server, folder: Path) -> Iterator[Server]:
    """The upstream without a proxy."""
    del folder
    yield upstream


def gateways() -> dict[str, Proxy]:
    """This gateway, and that of BENCH_BEFORE if it is set."""
    return {"gateway": gateway} | ({"gateway before": gateway_before} if BENCH_BEFORE in os.environ else {})


def contenders() -> dict[str, Proxy]:
    """Proxies by name, with the gateway of BENCH_BEFORE; prints which are not available."""
    proxies: dict[str, Proxy] = {
        "none": no_proxy,
        "nginx": nginx,
        **gateways(),
        "starlette+httpx": uvicorn_proxy(Path(sys.executable), starlette_httpx.__name__),
    }
    python = python_with("fastapi-proxy-lib", "fastapi", "uvicorn", "uvloop", "httptools")
    if python is None:
        measure.print_line("without fastapi-proxy-lib: it could not be installed")
        return proxies
    return {**proxies, "fastapi-proxy-lib": uvicorn_proxy(python, fastapi_proxy_lib.__name__)}


def uvicorn_proxy(python: Path, factory: str, environment: dict[str, str] | None = None) -> Proxy:
    """A proxy of `contenders.py` on uvicorn."""

    @contextmanager
    def proxy(upstream: Server, folder: Path) -> Iterator[Server]:
        port = measure.free_port()
        app = (f"benchmarks.contenders:{factory}", "--factory", "--app-dir", str(_ROOT))
        command = (str(python), "-m", "uvicorn", *app, "--port", str(port), *_UVICORN)
        variables = {UPSTREAM: upstream.url} | (environment or {})
        with measure.run_server(command, port, folder / f"{factory}.log", environment=variables) as server:
            yield server

    return proxy
