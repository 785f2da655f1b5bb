"""The tour: each stop once straight to the emulator and once through the gateway, with what each way cost."""

import signal
from contextlib import ExitStack
from socket import AF_INET, SOCK_STREAM, socket
from typing import Any

import click
from fhirpy import SyncFHIRClient

from gateway.app import create_app
from gateway.demo.stops import STOPS, Stop, seen
from gateway.emulator.serve import RunningEmulator
from gateway.emulator.settings import EmulatorSettings
from gateway.emulator.sites import SITES, SYDNEY
from gateway.log import configure
from gateway.serving import InThread
from gateway.settings import Settings, SiteSettings, Upstream

_KEY = {"Ocp-Apim-Subscription-Key": "demo-key"}


def tour(*, once: bool, host: str, port: int) -> int:
    """The exit code: 0 when every repair held, else 1. Serves until SIGTERM or Ctrl-C unless `once`."""
    configure("error")
    with ExitStack() as running:
        emulator = running.enter_context(RunningEmulator(EmulatorSettings()))
        gateway = running.enter_context(
            InThread(create_app(_settings(emulator.url)), host, _free(host, port))
        )
        held = _walk(emulator, gateway.url)
        if not once:
            _serve(gateway.url, emulator.url)
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
            click.echo(f"  {way:<9} {'ok ' if good else 'BAD'} {text} ({queries} upstream queries)")
    click.echo("\nUpstream queries in all: " + ", ".join(f"{way} {count}" for way, count in bills.items()))
    click.echo("Every repair held." if held else "A repair did not hold.")
    return held


def _stop(stop: Stop, emulator: RunningEmulator, url: str) -> tuple[str, bool, int]:
    emulator.control("POST", "reset")
    emulator.control("PATCH", "settings", stop.settings)
    if stop.fault:
        emulator.control("POST", "faults", stop.fault)
    client = SyncFHIRClient(f"{url}/integrator/sites/{stop.site}/fhir/R4", extra_headers=_KEY)
    text, good = seen(stop, client)
    bill: dict[str, Any] = emulator.control("GET", "bill")
    emulator.control("POST", "reset")
    return text, good, bill["queries"]


def _serve(gateway: str, emulator: str) -> None:
    click.echo(
        f"\nStill serving: gateway {gateway}, emulator {emulator}. Try:\n\n"
        f"  curl -H 'Ocp-Apim-Subscription-Key: {_KEY['Ocp-Apim-Subscription-Key']}' \\\n"
        f"    '{gateway}/integrator/sites/{SYDNEY}/fhir/R4/Appointment?date=2026-04&_count=2'\n\n"
        "Ctrl-C ends."
    )
    signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)
    signal.sigwait(_ENDING)


_ENDING = {signal.SIGINT, signal.SIGTERM}


def _free(host: str, port: int) -> int:
    """The port if it is free, else 0."""
    with socket(AF_INET, SOCK_STREAM) as probe:
        return 0 if probe.connect_ex((host, port)) == 0 else port
