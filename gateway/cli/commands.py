"""The command line: `halo-gateway COMMAND`, or `python -m gateway COMMAND`."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, TextIO

import click

from gateway import settings as configuration
from gateway.cli.documentation import effective, known_issues_table
from gateway.extras import require_extra


@click.group(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.version_option(package_name="halo-gateway")
def main() -> None:
    """A FHIR-facing reverse proxy for the Halo Connect FHIR API."""


_config = click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    envvar="HALO_GATEWAY_CONFIG",
    help="TOML file; HALO_GATEWAY_… environment variables override it.",
)


def _named(_: click.Context, __: click.Parameter, host: str) -> str:
    if not host.strip():
        raise click.BadParameter("names no address; 0.0.0.0 listens on all")
    return host


_host = click.option("--host", default="127.0.0.1", callback=_named, help="Address to listen on.")
_PORT = click.IntRange(0, 65_535)


def _settings(config: Path | None) -> configuration.Settings:
    try:
        return configuration.load(config)
    except configuration.ConfigurationError as problem:
        raise click.ClickException(f"the configuration has problems:\n{problem}") from None


@contextmanager
def _problems() -> Iterator[None]:
    try:
        yield
    except (ValueError, OSError) as problem:
        raise click.ClickException(str(problem)) from None


@main.command()
@_host
@click.option("--port", type=_PORT, default=8080, help="Port to listen on; 0 picks a free one.")
@_config
def serve(host: str, port: int, config: Path | None) -> None:
    """Run the gateway."""
    from gateway.app import create_app
    from gateway.server.serve import Serving, bound
    from gateway.telemetry.log_config import configure

    settings = _settings(config)
    lines = configure(settings.log.level)
    with _problems():
        app = create_app(settings, line=lines.repeated)
        sockets = bound(host, port)
    Serving(app, host, port, "halo-gateway listening on").run(sockets)


@main.command()
@_host
@click.option("--port", type=_PORT, default=8090, help="Port to listen on; 0 picks a free one.")
@click.option(
    "--config",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="TOML file with the emulator's switches.",
)
def emulate(host: str, port: int, config: Path | None) -> None:
    """Run the stand-in for Halo Connect: synthetic practices with the documented faults."""
    with _problems():
        require_extra("emulator")
        from gateway.emulator.serve import serve
        from gateway.emulator.settings import from_toml

        serve(from_toml(config), host, port)


@main.command()
@click.option("--once", is_flag=True, help="End after the tour: exit code 0, or 1 if a repair did not hold.")
@_host
@click.option("--port", type=_PORT, default=8080, help="Port of the gateway; 0 picks a free one.")
def demo(*, once: bool, host: str, port: int) -> None:
    """Start emulator and gateway, show each repair side by side, and keep serving."""
    with _problems():
        require_extra("demo")
        from gateway.demo.tour import tour

        sys.exit(tour(once=once, host=host, port=port))


@main.command()
@click.argument("search")
@click.option("--site", "guid", required=True, help="Halo GUID of the practice.")
@_config
def explain(search: str, guid: str, config: Path | None) -> None:
    """Say what SEARCH, like 'Appointment?date=2026-04', means and costs. Asks nothing upstream."""
    from gateway.cli.explain import explained

    with _problems():
        click.echo(explained(_settings(config), guid, search))


@main.command()
@click.argument("guid")
@click.option("--budget", default=25, help="Queries it may ask at most; each is billed.")
@click.option("--previous", type=click.File(), help="What an earlier probe printed: says what has changed.")
@_config
def probe(guid: str, budget: int, previous: TextIO | None, config: Path | None) -> None:
    """Ask the practice with Halo GUID how its upstream behaves, and print the settings to write.

    The subscription key is read from HALO_GATEWAY_PROBE_KEY. Nothing is changed at the practice.
    """
    from gateway.probe.report import printed
    from gateway.probe.run import announcement, probe
    from gateway.telemetry.log_config import configure

    configure("error")
    settings, key = _settings(config), os.environ.get("HALO_GATEWAY_PROBE_KEY", "")
    click.echo(announcement(budget), err=True)
    with _problems():
        report = probe(settings, guid.lower(), {"Ocp-Apim-Subscription-Key": key}, budget=budget)
        click.echo(printed(report, settings, previous.read() if previous else ""))
    sys.exit(bool(report.problem))


@main.command()
@click.option("--site", default="", help="Halo GUID of one practice.")
@click.option("--since", type=click.DateTime(["%Y-%m-%d"]), help="First day, in the site's zone.")
@click.option("--csv", is_flag=True, help="One line per day and class, to reconcile with the invoice.")
@_config
def ledger(site: str, since: datetime | None, *, csv: bool, config: Path | None) -> None:
    """Print what was paid and what was saved."""
    from gateway.cli.ledger import report

    with _problems():
        day = since.date() if since else None
        click.echo(report(_settings(config), site, day, csv=csv))


_url = click.option("--url", default="", help="Where it listens; else admin.listen, or port 8080 here.")


@main.command()
@click.option("--site", required=True, help="Halo GUID or alias of the practice.")
@click.option("--type", "type_", default="", help="Only this resource type.")
@click.option("--patient", default="", help="Only what may be about the patient with this id.")
@_url
@_config
def purge(site: str, type_: str, patient: str, url: str, config: Path | None) -> None:
    """Have a running gateway serve nothing any more that it keeps of a practice."""
    _operated(config, url, lambda running: running.purge(site, type_, patient))


@main.command()
@click.option("--site", default="", help="Halo GUID or alias of one practice.")
@click.option("--json", "as_json", is_flag=True, help="Everything, with keys, pauses and page sizes.")
@_url
@_config
def sites(site: str, url: str, config: Path | None, *, as_json: bool) -> None:
    """Print how a running gateway finds each practice, and why it leaves one alone."""
    _operated(config, url, lambda running: running.sites(site, as_json=as_json))


@main.command()
@click.option("--site", default="", help="Halo GUID or alias: ends its rest and its pauses.")
@click.option("--pause", default="", help="Name of one pause, as /admin/pauses shows it.")
@_url
@_config
def lift(site: str, pause: str, url: str, config: Path | None) -> None:
    """Have a running gateway ask again what it leaves alone."""
    if not (site or pause):
        raise click.UsageError("name --site, --pause or both")
    _operated(config, url, lambda running: running.lift(site, pause))


def _operated(config: Path | None, url: str, act: Callable[[Any], str]) -> None:
    from gateway.admin.client import gateway

    with _problems():
        click.echo(act(gateway(_settings(config), url)))


@main.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...|-")
def validate(files: tuple[str, ...]) -> None:
    """Print what FHIR R4 finds wrong in files.

    A FILE holds one resource or Bundle, or one a line if its name ends in .ndjson; - is standard input.
    Exit code 0 if all are valid, 1 if not. docs/validation.md says what is checked.
    """
    from gateway.validation.report import printed

    with _problems():
        require_extra("validation")
    if files.count("-") > 1:
        raise click.UsageError("- is standard input, which can be read once")
    stdin = sys.stdin.buffer if sys.stdin else None
    wrong = False
    for file in files:
        for line in printed(file, stdin):
            wrong |= line.wrong
            click.echo(line.text, err=line.unreadable)
    sys.exit(wrong)


@main.command("known-issues")
@_config
def known_issues(config: Path | None) -> None:
    """List the upstream's known issues and which repairs are on."""
    click.echo(known_issues_table(_settings(config)))


@main.command()
@_config
def check(config: Path | None) -> None:
    """Check the configuration and print what is in effect, secrets masked; cautions go to stderr."""
    from gateway.settings.cautions import cautions

    settings = _settings(config)
    for each in cautions(settings):
        click.echo(f"Warning: {each.setting}: {each.text}", err=True)
    click.echo(effective(settings))
