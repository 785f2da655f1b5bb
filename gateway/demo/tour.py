"""The tour: each stop once straight to the emulator and once through the gateway, with what each way cost."""

import errno
import os
import signal
import socket
from contextlib import ExitStack
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

import click
from fhirpy import SyncFHIRClient

from gateway.app import create_app
from gateway.demo.stops import STOPS, Stop, seen
from gateway.emulator.serve import RunningEmulator
from gateway.emulator.settings import EmulatorSettings
from gateway.emulator.sites import SITES, SYDNEY
from gateway.server.serve import InThread
from gateway.settings import Settings, SiteSettings, Upstream
from gateway.telemetry.log_config import configure

_KEY = {"Ocp-Apim-Subscription-Key": "demo-key"}
#: Both servers are on this machine: a proxy that the environment names cannot reach them.
_NO_PROXIES = {"http": "", "https": "", "all": ""}


def tour(*, once: bool, host: str, port: int) -> int:
    """The exit code: 0 when every repair held, else 1. Serves until SIGTERM or Ctrl-C unless `once`.

    Raises ValueError for a port that does not exist, OSError where the gateway cannot listen.
    """
    port = _free(host, port)
    configure("error")
    with ExitStack() as running:
        emulator = running.enter_context(RunningEmulator(EmulatorSettings()))
        gateway = running.enter_context(InThread(create_app(_settings(emulator.url)), host, port))
        url = reachable(gateway.url)
        held = _walk(emulator, url)
        if not once:
            _serve(url, emulator.url)
    return 0 if held else 1


def _settings(upstream: str) -> Settings:
    sites = {site.guid: SiteSettings(time_zone=site.zone.key) for site in SITES.values()}
    return Settings(upstream=Upstream.model_validate({"url": upstream}), sites=sites)


def _walk(emulator: RunningEmulator, gateway: str) -> bool:
    click.echo(
        f"A FHIR client asks Halo Connect (the emulator, {emulator.url}) and the gateway ({gateway}).\n"
    )
    bills, held = {"straight": 0, "gateway": 0}, True
    for stop in STOPS:
        click.echo(f"{stop.issue}: {stop.asks}")
        for way, url in (("straight", emulator.url), ("gateway", gateway)):
            text, good, queries = _stop(stop, emulator, url)
            bills[way] += queries
            held &= good or way == "straight"
            click.echo(f"  {way:<9} {'ok ' if good else 'BAD'} {text} ({_queries(queries)})")
    click.echo("\nUpstream queries in all: " + ", ".join(f"{way} {count}" for way, count in bills.items()))
    click.echo("Every repair held." if held else "A repair did not hold.")
    return held


def _queries(count: int) -> str:
    return f"{count} upstream {'query' if count == 1 else 'queries'}"


def _stop(stop: Stop, emulator: RunningEmulator, url: str) -> tuple[str, bool, int]:
    emulator.control("POST", "reset")
    emulator.control("PATCH", "settings", stop.settings)
    if stop.fault:
        emulator.control("POST", "faults", stop.fault)
    base = f"{url}/integrator/sites/{stop.site}/fhir/R4"
    client = SyncFHIRClient(base, extra_headers=_KEY, requests_config={"proxies": _NO_PROXIES})
    text, good = seen(stop, client)
    bill: dict[str, Any] = emulator.control("GET", "bill")
    emulator.control("POST", "reset")
    return text, good, bill["queries"]


def _serve(gateway: str, emulator: str) -> None:
    click.echo(closing_words(gateway, emulator))
    signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)
    signal.sigwait(_ENDING)


_ENDING = {signal.SIGINT, signal.SIGTERM}


def closing_words(gateway: str, emulator: str) -> str:
    """What to do next, with the URLs of both: first for a browser, then for a terminal."""
    return (
        f"\nStill serving. Open the gateway in a browser:\n\n  {gateway}/\n\n"
        "Or send it a search:\n\n"
        f"  curl -H 'Ocp-Apim-Subscription-Key: {_KEY['Ocp-Apim-Subscription-Key']}' \\\n"
        f"    '{gateway}/integrator/sites/{SYDNEY}/fhir/R4/Appointment?date=2026-04&_count=2'\n\n"
        f"The emulator is at {emulator}. Ctrl-C ends both."
    )


def reachable(url: str) -> str:
    """The URL of a server for a client on this machine: a wildcard address becomes the loopback one."""
    parts = urlsplit(url)
    address = ip_address(parts.hostname or "")
    if not address.is_unspecified:
        return url
    return f"{parts.scheme}://{'[::1]' if address.version == _IPV6 else '127.0.0.1'}:{parts.port}"


_IPV6 = 6
_HIGHEST = 65_535


def _free(host: str, port: int) -> int:
    """The port if it is free, else 0. Raises ValueError or OSError where nothing can listen."""
    if not 0 <= port <= _HIGHEST:
        raise ValueError(f"--port {port}: a port is a number from 0 to {_HIGHEST}")
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        socket.create_server(address[:2], family=family).close()
    except OSError as problem:
        if problem.errno == errno.EADDRINUSE:
            return 0
        raise OSError(
            f"the gateway cannot listen on --host {host} --port {port}: {_reason(problem)}"
        ) from None
    return port


def _reason(problem: OSError) -> str:
    """The system's words, without those that Python adds."""
    number = problem.errno or 0
    return os.strerror(number) if number > 0 else problem.strerror or str(problem)
