"""Tour of the repairs: each stop directly at the emulator and through the gateway, with its queries."""

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
from gateway.demo.health_gorilla_stop import mount_settings, run_health_gorilla_stop
from gateway.demo.itsm_stop import itsm_mount, run_itsm_stop
from gateway.demo.stops import STOPS, Stop, check_stop
from gateway.emulator.halo_itsm.app import create_halo_itsm
from gateway.emulator.health_gorilla.app import create_health_gorilla
from gateway.emulator.serve import RunningEmulator
from gateway.emulator.settings import EmulatorSettings
from gateway.emulator.sites import SITES, SYDNEY
from gateway.server.serve import ThreadedServer
from gateway.settings import MountedUpstream, SearchSupport, Settings, SiteSettings, Upstream
from gateway.telemetry.log_config import configure_logging

#: Facts that a probe of the emulator's sites proves: without them, the gateway would check each match.
_KNOWN_SUPPORT = SearchSupport(
    column_time_zones={"*.*": "site"},
    date_precision={"*.*": "frac"},
    verified_by="documentation of the emulator",
)
_KEY_HEADER = {"Ocp-Apim-Subscription-Key": "demo-key"}
#: Both servers are on this machine: no proxy of the environment can reach them.
_NO_PROXIES = {"http": "", "https": "", "all": ""}


def run_tour(*, once: bool, host: str, port: int) -> int:
    """Return the exit code: 0 if every repair worked, else 1. Serve until SIGTERM or Ctrl-C unless `once`.

    Raises ValueError if the port is out of range, OSError if the gateway cannot listen.
    """
    port = _free_port_or_zero(host, port)
    configure_logging("error")
    with ExitStack() as running:
        emulator = running.enter_context(RunningEmulator(EmulatorSettings()))
        itsm = running.enter_context(RunningEmulator(app=create_halo_itsm()))
        gorilla = running.enter_context(RunningEmulator(app=create_health_gorilla()))
        mounts = {"halo-itsm": itsm_mount(itsm.url), "health-gorilla": mount_settings(gorilla.url)}
        gateway = running.enter_context(
            ThreadedServer(create_app(_gateway_settings(emulator.url, mounts)), host, port)
        )
        url = local_url(gateway.url)
        all_repaired = _run_stops(emulator, url)
        all_repaired &= run_itsm_stop(itsm, url)
        all_repaired &= run_health_gorilla_stop(gorilla, url)
        if not once:
            _serve_until_signal(url, emulator.url)
    return 0 if all_repaired else 1


def _gateway_settings(upstream: str, mounts: dict[str, Any]) -> Settings:
    sites = {
        site.guid: SiteSettings(
            time_zone=site.zone.key, search=_KNOWN_SUPPORT, last_updated_input={"*": "ok"}
        )
        for site in SITES.values()
    }
    upstreams = {name: MountedUpstream.model_validate(mount) for name, mount in mounts.items()}
    return Settings(upstream=Upstream.model_validate({"url": upstream}), upstreams=upstreams, sites=sites)


def _run_stops(emulator: RunningEmulator, gateway: str) -> bool:
    click.echo(
        f"A FHIR client calls Halo Connect (the emulator, {emulator.url}) and the gateway ({gateway}).\n"
    )
    bills, all_repaired = {"direct": 0, "gateway": 0}, True
    for stop in STOPS:
        click.echo(f"{stop.issue}: {stop.request}")
        for route, url in (("direct", emulator.url), ("gateway", gateway)):
            text, conforms, queries = _run_stop(stop, emulator, url)
            bills[route] += queries
            all_repaired &= conforms or route == "direct"
            click.echo(f"  {route:<9} {'ok ' if conforms else 'BAD'} {text} ({_query_count_text(queries)})")
    click.echo("\nTotal upstream queries: " + ", ".join(f"{route} {count}" for route, count in bills.items()))
    click.echo("Every repair worked." if all_repaired else "A repair failed.")
    return all_repaired


def _query_count_text(count: int) -> str:
    return f"{count} upstream {'query' if count == 1 else 'queries'}"


def _run_stop(stop: Stop, emulator: RunningEmulator, url: str) -> tuple[str, bool, int]:
    emulator.control("POST", "reset")
    emulator.control("PATCH", "settings", stop.settings)
    if stop.fault:
        emulator.control("POST", "faults", stop.fault)
    base = f"{url}/integrator/sites/{stop.site}/fhir/R4"
    client = SyncFHIRClient(base, extra_headers=_KEY_HEADER, requests_config={"proxies": _NO_PROXIES})
    text, conforms = check_stop(stop, client)
    if conforms and stop.confirm:
        confirmation, conforms = stop.confirm(emulator.control("GET", "executions"))
        text = f"{text}; {confirmation}"
    bill: dict[str, Any] = emulator.control("GET", "bill")
    emulator.control("POST", "reset")
    return text, conforms, bill["queries"]


def _serve_until_signal(gateway: str, emulator: str) -> None:
    click.echo(next_steps_text(gateway, emulator))
    signal.pthread_sigmask(signal.SIG_BLOCK, _STOP_SIGNALS)
    signal.sigwait(_STOP_SIGNALS)


_STOP_SIGNALS = {signal.SIGINT, signal.SIGTERM}


def next_steps_text(gateway: str, emulator: str) -> str:
    """Text with the next steps: the gateway's URL for a browser, then a request for a terminal."""
    return (
        f"\nStill serving. Open the gateway in a browser:\n\n  {gateway}/\n\n"
        "Or send it a search:\n\n"
        f"  curl -H 'Ocp-Apim-Subscription-Key: {_KEY_HEADER['Ocp-Apim-Subscription-Key']}' \\\n"
        f"    '{gateway}/integrator/sites/{SYDNEY}/fhir/R4/Appointment?date=2026-04&_count=2'\n\n"
        f"The emulator is at {emulator}. Ctrl-C ends both."
    )


def local_url(url: str) -> str:
    """URL of a server for a client on this machine: a wildcard address becomes the loopback address."""
    parts = urlsplit(url)
    address = ip_address(parts.hostname or "")
    if not address.is_unspecified:
        return url
    return f"{parts.scheme}://{'[::1]' if address.version == _IP_VERSION_6 else '127.0.0.1'}:{parts.port}"


_IP_VERSION_6 = 6
_MAX_PORT = 65_535


def _free_port_or_zero(host: str, port: int) -> int:
    """Return the port if it is free, else 0. Raises ValueError if out of range, OSError for a bad host."""
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
    """Text of the operating system, without Python's additions."""
    number = problem.errno or 0
    return os.strerror(number) if number > 0 else problem.strerror or str(problem)
