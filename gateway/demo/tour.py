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
from gateway.demo.stops import STOPS, Stop, check_stop
from gateway.emulator.serve import RunningEmulator
from gateway.emulator.settings import EmulatorSettings
from gateway.emulator.sites import SITES, SYDNEY
from gateway.server.serve import ThreadedServer
from gateway.settings import Settings, SiteSettings, Upstream
from gateway.telemetry.log_config import configure_logging

_KEY_HEADER = {"Ocp-Apim-Subscription-Key": "demo-key"}
#: Both servers are on this machine: a proxy that the environment names cannot reach them.
_NO_PROXIES = {"http": "", "https": "", "all": ""}


def run_tour(*, once: bool, host: str, port: int) -> int:
    """The exit code: 0 when every repair held, else 1. Serves until SIGTERM or Ctrl-C unless `once`.

    Raises ValueError for a port that does not exist, OSError where the gateway cannot listen.
    """
    port = _free_port_or_zero(host, port)
    configure_logging("error")
    with ExitStack() as running:
        emulator = running.enter_context(RunningEmulator(EmulatorSettings()))
        gateway = running.enter_context(
            ThreadedServer(create_app(_gateway_settings(emulator.url)), host, port)
        )
        url = local_url(gateway.url)
        held = _run_stops(emulator, url)
        if not once:
            _serve_until_signal(url, emulator.url)
    return 0 if held else 1


def _gateway_settings(upstream: str) -> Settings:
    sites = {site.guid: SiteSettings(time_zone=site.zone.key) for site in SITES.values()}
    return Settings(upstream=Upstream.model_validate({"url": upstream}), sites=sites)


def _run_stops(emulator: RunningEmulator, gateway: str) -> bool:
    click.echo(
        f"A FHIR client asks Halo Connect (the emulator, {emulator.url}) and the gateway ({gateway}).\n"
    )
    bills, held = {"straight": 0, "gateway": 0}, True
    for stop in STOPS:
        click.echo(f"{stop.issue}: {stop.request}")
        for way, url in (("straight", emulator.url), ("gateway", gateway)):
            text, good, queries = _run_stop(stop, emulator, url)
            bills[way] += queries
            held &= good or way == "straight"
            click.echo(f"  {way:<9} {'ok ' if good else 'BAD'} {text} ({_query_count_text(queries)})")
    click.echo("\nUpstream queries in all: " + ", ".join(f"{way} {count}" for way, count in bills.items()))
    click.echo("Every repair held." if held else "A repair did not hold.")
    return held


def _query_count_text(count: int) -> str:
    return f"{count} upstream {'query' if count == 1 else 'queries'}"


def _run_stop(stop: Stop, emulator: RunningEmulator, url: str) -> tuple[str, bool, int]:
    emulator.control("POST", "reset")
    emulator.control("PATCH", "settings", stop.settings)
    if stop.fault:
        emulator.control("POST", "faults", stop.fault)
    base = f"{url}/integrator/sites/{stop.site}/fhir/R4"
    client = SyncFHIRClient(base, extra_headers=_KEY_HEADER, requests_config={"proxies": _NO_PROXIES})
    text, good = check_stop(stop, client)
    bill: dict[str, Any] = emulator.control("GET", "bill")
    emulator.control("POST", "reset")
    return text, good, bill["queries"]


def _serve_until_signal(gateway: str, emulator: str) -> None:
    click.echo(next_steps_text(gateway, emulator))
    signal.pthread_sigmask(signal.SIG_BLOCK, _STOP_SIGNALS)
    signal.sigwait(_STOP_SIGNALS)


_STOP_SIGNALS = {signal.SIGINT, signal.SIGTERM}


def next_steps_text(gateway: str, emulator: str) -> str:
    """What to do next, with the URLs of both: first for a browser, then for a terminal."""
    return (
        f"\nStill serving. Open the gateway in a browser:\n\n  {gateway}/\n\n"
        "Or send it a search:\n\n"
        f"  curl -H 'Ocp-Apim-Subscription-Key: {_KEY_HEADER['Ocp-Apim-Subscription-Key']}' \\\n"
        f"    '{gateway}/integrator/sites/{SYDNEY}/fhir/R4/Appointment?date=2026-04&_count=2'\n\n"
        f"The emulator is at {emulator}. Ctrl-C ends both."
    )


def local_url(url: str) -> str:
    """The URL of a server for a client on this machine: a wildcard address becomes the loopback one."""
    parts = urlsplit(url)
    address = ip_address(parts.hostname or "")
    if not address.is_unspecified:
        return url
    return f"{parts.scheme}://{'[::1]' if address.version == _IP_VERSION_6 else '127.0.0.1'}:{parts.port}"


_IP_VERSION_6 = 6
_MAX_PORT = 65_535


def _free_port_or_zero(host: str, port: int) -> int:
    """The port if it is free, else 0. Raises ValueError or OSError where nothing can listen."""
    if not 0 <= port <= _MAX_PORT:
        raise ValueError(f"--port {port}: a port is a number from 0 to {_MAX_PORT}")
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        socket.create_server(address[:2], family=family).close()
    except OSError as problem:
        if problem.errno == errno.EADDRINUSE:
            return 0
        raise OSError(
            f"the gateway cannot listen on --host {host} --port {port}: {_error_reason(problem)}"
        ) from None
    return port


def _error_reason(problem: OSError) -> str:
    """The system's words, without those that Python adds."""
    number = problem.errno or 0
    return os.strerror(number) if number > 0 else problem.strerror or str(problem)
