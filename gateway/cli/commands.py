"""Command line: `halo-gateway COMMAND`, or `python -m gateway COMMAND`."""

import os
import sys
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import TextIO

import click

from gateway import settings as configuration
from gateway.cli.documentation import effective_configuration
from gateway.cli.emulate import emulate
from gateway.cli.keys import keys
from gateway.cli.operators import OPERATORS_COMMANDS
from gateway.cli.options import (
    PORT_RANGE,
    CommandWithExamples,
    config_option,
    errors_as_click_exceptions,
    host_option,
    load_settings,
    require_site,
    workers_option,
)
from gateway.cli.server_command import ServerCommand, start_log
from gateway.extras import require_extra


@click.group(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.version_option(package_name="halo-gateway")
def main() -> None:
    """Run and operate a reverse proxy for the Halo Connect FHIR API."""


@main.command(
    cls=ServerCommand,
    examples=("serve --host 0.0.0.0 --config gateway.toml", "serve --workers 4 --config gateway.toml"),
)
@host_option
@click.option("--port", type=PORT_RANGE, default=8080, help="Port to listen on; 0 picks a free port.")
@workers_option
@config_option
def serve(host: str, port: int, workers: int | None, config: Path | None) -> None:
    """Run the gateway."""
    start_log()
    settings = load_settings(config)
    if (workers or settings.server.workers) > 1:
        from gateway.cli.serve_workers import serve_workers

        with errors_as_click_exceptions():
            sys.exit(serve_workers(settings, host, port, workers or settings.server.workers))
    from gateway.app import create_app
    from gateway.server.serve import Server, bind_sockets
    from gateway.telemetry.log_config import configure_logging

    log_stream = configure_logging(settings.log.level, settings.log.format)
    with errors_as_click_exceptions():
        app = create_app(settings, log_request_factory=log_stream.event_logger)
        sockets = bind_sockets(host, port)
    Server(app, host, port, "halo-gateway listening on").run(sockets)


for command in (emulate, keys, *OPERATORS_COMMANDS):
    main.add_command(command)


@main.command(
    cls=CommandWithExamples,
    examples=(
        "demo",
        "demo --once",
    ),
)
@click.option("--once", is_flag=True, help="End after the tour; exit code 0, or 1 if a repair failed.")
@host_option
@click.option("--port", type=PORT_RANGE, default=8080, help="Port of the gateway; 0 picks a free port.")
def demo(*, once: bool, host: str, port: int) -> None:
    """Start emulator and gateway, and show each repair.

    Prints responses with and without the repair side by side, and continues to serve.
    """
    with errors_as_click_exceptions():
        require_extra("demo")
        from gateway.demo.tour import run_tour

        sys.exit(run_tour(once=once, host=host, port=port))


@main.command(cls=CommandWithExamples, examples=("explain --site harbour 'Appointment?date=2026-04'",))
@click.argument("search")
@click.option("--site", required=True, help="Halo GUID or alias of the practice.")
@config_option
def explain(search: str, site: str, config: Path | None) -> None:
    """Show how a search is executed and what it costs.

    SEARCH is a search like 'Appointment?date=2026-04'. Sends no upstream request.
    """
    from gateway.cli.explain import explain_for_site

    with errors_as_click_exceptions():
        click.echo(explain_for_site(load_settings(config), site, search))


@main.command(
    cls=CommandWithExamples,
    examples=(
        "probe harbour",
        "probe harbour --previous probe-2026-04.toml > probe-2026-05.toml",
        "probe harbour --sql",
    ),
)
@click.argument("guid")
@click.option(
    "--budget", type=click.IntRange(0, 1_000), default=30, help="Maximum number of queries; each is billed."
)
@click.option("--previous", type=click.File(), help="Output of an earlier probe, to show the differences.")
@click.option(
    "--sql", is_flag=True, help="Ask about SQL Passthrough instead, with SQL queries that only read."
)
@config_option
def probe(guid: str, budget: int, previous: TextIO | None, config: Path | None, *, sql: bool) -> None:
    """Query a practice and print the settings that fit it.

    GUID is the Halo GUID or the alias of the practice. The subscription key is read from
    HALO_GATEWAY_PROBE_KEY. The queries change nothing at the practice.
    """
    from gateway.settings.resolve import ConfiguredSites
    from gateway.telemetry.log_config import configure_logging

    settings = load_settings(config)
    with errors_as_click_exceptions():
        guid = ConfiguredSites(settings).guid_of(guid)
        key = {"Ocp-Apim-Subscription-Key": _probe_key()}
        configure_logging("error")
        if sql:
            has_problem = _probe_sql(settings, guid, key, budget)
        else:
            has_problem = _probe_searches(settings, guid, key, budget, previous.read() if previous else "")
    sys.exit(has_problem)


def _probe_key() -> str:
    key = os.environ.get("HALO_GATEWAY_PROBE_KEY", "").strip()
    if not key:
        raise click.UsageError("set HALO_GATEWAY_PROBE_KEY to your subscription key: Halo refuses all else")
    return key


def _probe_searches(
    settings: configuration.Settings, guid: str, key: dict[str, str], budget: int, previous: str
) -> bool:
    from gateway.probe.report import render_report
    from gateway.probe.run import cost_announcement, run_probe

    click.echo(cost_announcement(budget), err=True)
    report = run_probe(settings, guid, key, budget=budget)
    click.echo(render_report(report, settings, previous))
    return bool(report.problem)


def _probe_sql(settings: configuration.Settings, guid: str, key: dict[str, str], budget: int) -> bool:
    from gateway.probe.run import run_sql_probe
    from gateway.probe.sql_report import render_sql_report
    from gateway.probe.sql_run import sql_cost_announcement

    click.echo(sql_cost_announcement(budget), err=True)
    report = run_sql_probe(settings, guid, key, budget=budget)
    click.echo(render_sql_report(report, settings))
    return bool(report.problem)


@main.command(
    cls=CommandWithExamples,
    examples=(
        "ledger --site harbour --since 2026-04-01",
        "ledger --csv > ledger.csv",
        "ledger --by app --csv --period month",
    ),
)
@click.option("--site", callback=require_site, help="Halo GUID or alias of one practice.")
@click.option("--since", type=click.DateTime(["%Y-%m-%d"]), help="First day, in the practice's time zone.")
@click.option("--csv", is_flag=True, help="One line per day and cost class, to reconcile with the invoice.")
@click.option("--by", type=click.Choice(["app"]), help="Totals by app; with --csv, to charge costs.")
@click.option(
    "--period", type=click.Choice(["day", "month"]), default="day", help="Period of a line of CSV by app."
)
@config_option
def ledger(
    site: str, since: datetime | None, by: str | None, period: str, *, csv: bool, config: Path | None
) -> None:
    """Print the billed and the saved queries."""
    from gateway.cli.ledger import ReportForm, ledger_report

    if period == "month" and not (csv and by):
        raise click.UsageError("--period month needs --by app and --csv")
    with errors_as_click_exceptions():
        first_day = since.date() if since else None
        form = ReportForm(csv, by == "app", period)
        click.echo(ledger_report(load_settings(config), site, first_day, form))


@main.command(
    cls=CommandWithExamples,
    examples=(
        "validate Patient.json",
        "validate - < export.ndjson",
    ),
)
@click.argument("files", nargs=-1, required=True, metavar="FILE...|-")
def validate(files: tuple[str, ...]) -> None:
    """Validate files against FHIR R4.

    A FILE contains one resource or Bundle, or one per line if its name ends in .ndjson; - is standard input.
    Exit code 0 if all are valid, else 1. docs/validation.md lists the checks.
    """
    from gateway.validation.report import report_lines

    with errors_as_click_exceptions():
        require_extra("validation")
    if files.count("-") > 1:
        raise click.UsageError("- is standard input, which can be read only once")
    stdin = sys.stdin.buffer if sys.stdin else None
    has_errors = False
    for file in files:
        for line in report_lines(file, stdin):
            has_errors |= line.is_error
            click.echo(line.text, err=line.is_unreadable)
    sys.exit(has_errors)


@main.command(
    cls=CommandWithExamples,
    examples=(
        "check --config gateway.toml",
        "check --pack ./our-pack.toml",
    ),
)
@click.option("--pack", "packs", multiple=True, help="Name or TOML file of a further quirk pack.")
@click.option("--plugin", "plugins", multiple=True, help="Name of a further plugin. Its code is run.")
@config_option
def check(packs: tuple[str, ...], plugins: tuple[str, ...], config: Path | None) -> None:
    """Check plugins and quirk packs.

    Loads the plugins of the configuration and of --plugin, and replays the examples of the packs of the
    configuration and of --pack; without any pack, of those that the gateway brings. Sends no request. Exit
    code 0 if every plugin can be used, and every example holds, and fails without the verbs of its issue;
    else 1.
    """
    from gateway.cli.check import check_lines, packs_to_check, plugin_lines

    settings, has_problems = load_settings(config), False
    lines = plugin_lines(settings, plugins), check_lines(packs_to_check(settings, packs))
    for line, is_problem in chain.from_iterable(lines):
        has_problems |= is_problem
        click.echo(line)
    sys.exit(has_problems)


@main.command("check-config", cls=CommandWithExamples, examples=("check-config --config gateway.toml",))
@config_option
def check_config(config: Path | None) -> None:
    """Check the configuration and print the effective settings.

    Secrets are masked; keys that replicas share have a digest, to compare. Warnings go to stderr.
    """
    from gateway.settings.cautions import find_cautions

    settings = load_settings(config)
    for caution in find_cautions(settings):
        click.echo(f"Warning: {caution.setting}: {caution.text}", err=True)
    click.echo(effective_configuration(settings))
